import type { Style } from '../../report/style.ts'
import { columns } from '../columns.ts'
import type { CheckedRecording } from './check-recording.ts'
import { DECISIONS, type Disagreement, type Findings, RACES, STANDINGS } from './decisions.ts'
import { formatPairFlushes } from './pair-flushes-text.ts'
import { pairTotals } from './pair-outcome.ts'

/** Disagreements that are printed one by one for each recording; `--all` prints every one. */
const SHOWN = 20

/** What came of a check, for people. */
export function formatCheck(
  checked: readonly CheckedRecording[],
  shown: 'some' | 'all',
  flushes: 'each' | 'totals',
  style: Style,
): string {
  const parts = checked.flatMap((recording) => [
    recordingText(recording, style),
    ...(recording.pair === undefined ? [] : [pairText(recording.pair, style)]),
    ...(recording.pair === undefined || flushes === 'totals'
      ? []
      : [formatPairFlushes(recording.pair, style)]),
    ...disagreements(recording.findings, shown),
  ])
  if (checked.length > 1) parts.push(overview(checked, style))
  parts.push(conclusion(checked, style))
  return parts.join('\n\n')
}

function recordingText({ name, findings, hasProbes, decoder }: CheckedRecording, style: Style): string {
  const rows = DECISIONS.filter((decision) =>
    STANDINGS.some((standing) => findings.count(decision, standing) > 0),
  ).map((decision) => [decision, ...STANDINGS.map((standing) => findings.count(decision, standing))])
  const notes = hasProbes ? '' : '; no probes: only sizes can be checked'
  const broken = decoder.brokenCount === 0 ? '' : `; ${decoder.brokenCount} broken lines`
  const lost = decoder.lost === 0 ? '' : `; ${decoder.lost} events lost`
  const head = ['decision', ...STANDINGS]
  const table = rows.length === 0 ? '  nothing to check' : columns(head, rows, style)
  return `${style.bold(name)}: ${findings.checked} decisions checked${notes}${broken}${lost}\n${table}`
}

function pairText(pair: NonNullable<CheckedRecording['pair']>, style: Style): string {
  const totals = pairTotals(pair)
  const rows: readonly (readonly [string, number])[] = [
    ['flushes of the guest', totals.flushes],
    ['with their hypercall', totals.withHypercall],
    ['orders: one flush, one vCPU', totals.orders],
    ['  done before the hypercall returned', totals.before],
    ['  done after it', totals.after],
    ['runs of vCPUs that served them', totals.runs],
    ['  that served several orders at once', totals.merged],
    ['  that flushed the whole TLB', totals.whole],
    ['  because the queue had overflowed', totals.overflowed],
    ['  in which our host flushes more than was recorded', totals.more],
  ]
  return `${style.bold('Guest and host')}\n${columns(['', 'count'], rows, style)}`
}

/** Unexplained ones first, then races by kind, then lost events. */
function disagreements(findings: Findings, shown: 'some' | 'all'): readonly string[] {
  const order = ['unexplained', 'race', 'lost'] as const
  const sorted = order.flatMap((standing) =>
    findings.disagreements.filter((one) => one.standing === standing),
  )
  const kept = shown === 'all' ? sorted : sorted.slice(0, SHOWN)
  const races = findings.races.map(([race, count]) => {
    const scenario = RACES[race]
    return `  ${count} ${race}${scenario === null ? '' : `: shootdown check ${scenario}`}`
  })
  const rest = sorted.length - kept.length
  return [
    ...(races.length === 0 ? [] : [`Races\n${races.join('\n')}`]),
    ...(kept.length === 0 ? [] : [kept.map(disagreementText).join('\n')]),
    ...(rest > 0 ? [`  ... and ${rest} more (--all lists them)`] : []),
  ]
}

function disagreementText(found: Disagreement): string {
  const guest = found.lines.length === 0 ? [] : [`line ${found.lines.join(', ')}`]
  const host = found.hostLines === undefined ? [] : [`host line ${found.hostLines.join(', ')}`]
  const kind = found.race ?? found.standing
  return [
    `  ${[...guest, ...host].join('; ')}: ${found.decision} on CPU ${found.cpu}: ${found.standing}${found.race === undefined ? '' : ` (${kind})`}`,
    `    predicted ${found.predicted}`,
    `    recorded  ${found.recorded}`,
    `    ${found.why}`,
  ].join('\n')
}

function overview(checked: readonly CheckedRecording[], style: Style): string {
  const rows = checked.map(({ name, findings }) => [
    name,
    findings.checked,
    ...STANDINGS.map((standing) => findings.total(standing)),
  ])
  return columns(['recording', 'checked', ...STANDINGS], rows, style)
}

function conclusion(checked: readonly CheckedRecording[], style: Style): string {
  const unexplained = checked.reduce((sum, { findings }) => sum + findings.total('unexplained'), 0)
  const total = checked.reduce((sum, { findings }) => sum + findings.checked, 0)
  if (unexplained === 0) return style.good(`${total} decisions checked: none is unexplained.`)
  return style.bad(`${total} decisions checked: ${unexplained} are unexplained.`)
}
