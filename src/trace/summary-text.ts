import type { Style } from '../report/style.ts'
import { columns, percent } from './columns.ts'
import { FLUSH_REASONS, type FlushReason } from './events.ts'
import { CLASS_NAMES, type PageCounts } from './page-counts.ts'
import { isPair } from './sidecar.ts'
import { cpuCount, type FlushShare, type Summary } from './summary.ts'
import { ratePlot, sizePlot } from './summary-plots.ts'
import type { Tally } from './tally.ts'

const TOP_PROCESSES = 10

/** Short names of the flush reasons, as column heads. */
const SHORT = ['switch', 'remote', 'local', 'local mm', 'send', 'wrong CPU'] as const
/** Reasons in the order of interest: what is asked, what it causes, and the rest. */
const ORDER: readonly FlushReason[] = [4, 1, 3, 2, 0, 5]

/** One recording in tables, with plots when asked for. */
export function formatSummary(summary: Summary, style: Style, plots: 'with plots' | 'tables'): string {
  const parts = [
    heading(summary, style),
    reasonTable(summary, style),
    targetTables(summary, style),
    shareTable('process', mostActive(summary), style),
    shareTable(
      'CPU',
      [...summary.cpus].sort(([a], [b]) => a - b),
      style,
    ),
    faultTable(summary, style),
    hostTable(summary, style),
    eventTable(summary, style),
    ...(plots === 'with plots' ? [sizePlot(summary, style), ratePlot(summary, style)] : []),
    problems(summary, style),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function heading(summary: Summary, style: Style): string {
  const { decoder, sidecar } = summary
  const kernel = sidecar === undefined ? '' : isPair(sidecar) ? sidecar.guest_kernel : sidecar.kernel
  const release = /\d+\.\d+\S*/.exec(kernel)?.[0]
  const facts = [
    sidecar?.workload,
    release && `Linux ${release}`,
    `${cpuCount(summary)} CPUs`,
    span(summary),
    `${decoder.events} events`,
  ]
  return `${style.bold(summary.name)}: ${facts.filter((fact) => fact !== undefined).join(', ')}`
}

function span(summary: Summary): string {
  if (summary.seconds !== undefined) return `${summary.seconds.toFixed(1)} s`
  return `${(summary.span / 1e6).toFixed(0)} million cycles (--mhz makes them seconds)`
}

function perSecond(n: number, summary: Summary): string {
  return summary.seconds ? (n / summary.seconds).toFixed(1) : '-'
}

function classShares(counts: PageCounts): readonly string[] {
  return counts.classes().map((n) => percent(n, counts.total))
}

function reasonTable(summary: Summary, style: Style): string {
  const row = (name: string, counts: PageCounts) => [
    name,
    counts.total,
    perSecond(counts.total, summary),
    ...classShares(counts),
  ]
  const rows = ORDER.filter((reason) => summary.flushes[reason].total > 0).map((reason) =>
    row(`${FLUSH_REASONS[reason]} (${reason})`, summary.flushes[reason]),
  )
  if (summary.paravirtual.total > 0) rows.unshift(row('paravirtual flush', summary.paravirtual))
  if (rows.length === 0) return ''
  const title = style.bold('Flushes, and their sizes in pages, % of row')
  return `${title}\n${columns(['', 'count', 'per s', ...CLASS_NAMES], rows, style)}`
}

function distribution(title: string, tally: Tally<number>, style: Style): string {
  const rows = tally.byKey()
  const head = ['CPUs', ...rows.map(([cpus]) => String(cpus))]
  const body = [
    ['flushes', ...rows.map(([, n]) => n)],
    ['%', ...rows.map(([, n]) => percent(n, tally.total))],
  ]
  return `${style.bold(title)}\n${columns(head, body, style)}`
}

function targetTables(summary: Summary, style: Style): string {
  const { probes, ipiTargets, paravirtualCpus } = summary
  const parts: string[] = []
  if (paravirtualCpus.size > 0) {
    parts.push(distribution('CPUs in the mask of a paravirtual flush', paravirtualCpus, style))
  }
  if (ipiTargets.seen) {
    parts.push(distribution('Other CPUs interrupted per send (IPI events)', ipiTargets.perFlush, style))
  }
  if (probes.maskOthers.size > 0) {
    parts.push(distribution('Other CPUs in the mask of a remote flush (probes)', probes.maskOthers, style))
  }
  if (probes.handledOthers.size > 0) {
    parts.push(distribution('Other CPUs that executed it (probes)', probes.handledOthers, style))
    const { asked, skipped, idle } = probes.lazy
    parts.push(
      `Lazy CPUs: ${percent(skipped, asked)}% of the other CPUs in masks were skipped ` +
        `(${percent(idle, skipped)}% of these idle); ${probes.freedTables} flushes freed page tables and skip none.`,
    )
  }
  if (probes.latency.size > 0) parts.push(latencyTable(summary, style))
  const { handed, kept } = probes.preempted
  if (handed + kept > 0) parts.push(`KVM: ${handed} preempted CPUs left to the host, ${kept} kept for IPIs.`)
  if (probes.outcomes.size > 0) {
    const rows = probes.outcomes.byCount().map(([outcome, n]) => [outcome, n])
    parts.push(
      `${style.bold('Executions of a flush (probes)')}\n${columns(['outcome', 'count'], rows, style)}`,
    )
  }
  return parts.join('\n\n')
}

function latencyTable({ probes, decoder }: Summary, style: Style): string {
  const rows = [...probes.latency]
    .sort(([a], [b]) => a - b)
    .map(([cpus, times]) => [
      String(cpus),
      times.n,
      ...[0.5, 0.9, 0.99].map((q) => times.quantile(q).toPrecision(3)).map(Number),
      Math.round(times.max),
    ])
  const unit = decoder.clock === 'us' ? 'microseconds' : 'cycles'
  const title = style.bold(`Time of the initiator in a remote flush, by CPUs that executed it (${unit})`)
  return `${title}\n${columns(['CPUs', 'flushes', 'p50', 'p90', 'p99', 'max'], rows, style)}`
}

function activity(share: FlushShare): number {
  return share.reasons.reduce((sum, n) => sum + n, 0) + share.paravirtual + share.faults
}

function mostActive(summary: Summary): readonly (readonly [string, FlushShare])[] {
  return [...summary.processes].sort(([, a], [, b]) => activity(b) - activity(a)).slice(0, TOP_PROCESSES)
}

function shareTable(
  what: string,
  shares: readonly (readonly [string | number, FlushShare])[],
  style: Style,
): string {
  if (shares.length === 0) return ''
  // Only kernels since 6.14 ask CPUs that have left.
  const order = ORDER.filter((reason) => reason !== 5 || shares.some(([, { reasons }]) => reasons[5] > 0))
  const rows = shares.map(([key, { reasons, paravirtual, faults }]) => [
    String(key),
    ...order.map((reason) => reasons[reason]),
    paravirtual,
    faults,
  ])
  const head = [what, ...order.map((reason) => SHORT[reason]), 'paravirtual', 'faults']
  return `${style.bold(`Flushes and faults by ${what}`)}\n${columns(head, rows, style)}`
}

/** A page-fault error code in words: `user write, protection`. */
export function faultName(code: number): string {
  const who = (code & 4) !== 0 ? 'user' : 'kernel'
  const access = (code & 16) !== 0 ? 'fetch' : (code & 2) !== 0 ? 'write' : 'read'
  return `${who} ${access}, ${(code & 1) !== 0 ? 'protection' : 'not present'}`
}

function faultTable({ faults }: Summary, style: Style): string {
  if (faults.size === 0) return ''
  const rows = faults
    .byCount()
    .slice(0, 12)
    .map(([code, n]) => [`${faultName(code)} (0x${code.toString(16)})`, n, percent(n, faults.total)])
  return `${style.bold('Page faults')}\n${columns(['', 'count', '%'], rows, style)}`
}

function hostTable(summary: Summary, style: Style): string {
  const rows: (string | number)[][] = summary.hypercalls
    .byKey()
    .map(([code, n]) => [`hypercall 0x${code.toString(16)}`, n])
  for (const [ret, n] of summary.vcpuFlushes.byCount()) {
    rows.push([ret === 0 ? 'vCPU flushed a list' : `vCPU flushed its whole TLB (${ret})`, n])
  }
  if (summary.deferredFlushes > 0) rows.push(['flush done at entry of a vCPU', summary.deferredFlushes])
  return rows.length === 0 ? '' : `${style.bold('Host')}\n${columns(['', 'count'], rows, style)}`
}

function eventTable({ decoder }: Summary, style: Style): string {
  const known = [...decoder.known].map(([kind, n]) => [kind, n] as const)
  const unknown = [...decoder.unknown].slice(0, 20).map(([name, n]) => [`${name} (not known)`, n] as const)
  const rows = [...known, ...unknown].sort(([, a], [, b]) => b - a)
  return `${style.bold('Events')}\n${columns(['', 'count'], rows, style)}`
}

function problems({ decoder }: Summary, style: Style): string {
  const parts = decoder.broken.map(({ line, why }) => `line ${line}: ${why}`)
  if (decoder.brokenCount > parts.length)
    parts.push(`and ${decoder.brokenCount - parts.length} more broken lines`)
  const overrun = (decoder.entriesWritten ?? 0) - (decoder.entriesInBuffer ?? 0)
  if (overrun > 0) parts.push(`${overrun} events were overwritten before they were read (the header says)`)
  if (decoder.lost > 0) parts.push(`${decoder.lost} events are reported lost in the recording`)
  return parts.length === 0 ? '' : [style.warn('Not complete:'), ...parts].join('\n  ')
}
