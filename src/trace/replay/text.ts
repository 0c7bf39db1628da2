import type { Style } from '../../report/style.ts'
import type { Interval } from '../../simulate/statistics.ts'
import { columns, percent } from '../columns.ts'
import type { Replayable } from './read.ts'
import type { Replayed, ReplayedArm } from './replay.ts'

/** Where an arm ran: `8 pCPUs, 2 VMs x 8 vCPUs`. */
export type PlaceName = (arm: ReplayedArm) => string

/** The tables of a replay: one for each host, the recorded form first. */
export function formatReplay(
  recording: Replayable,
  result: Replayed,
  placeName: PlaceName,
  style: Style,
): string {
  const places = [...new Set(result.arms.map(placeName))]
  const tables = places.map((place) => {
    const here = result.arms.filter((arm) => placeName(arm) === place)
    return `${style.bold(place)}\n${table(here, result.arms[0]!, style)}`
  })
  return [heading(recording, result, style), ...tables, legend(recording, result)].join('\n\n')
}

function heading(
  { name, figures, cpus, backend, kernel }: Replayable,
  { speed }: Replayed,
  style: Style,
): string {
  const version = /\d+\.\d+\S*/.exec(kernel ?? '')?.[0]
  const form = `${backend}${version === undefined ? '' : `, Linux ${version}`}`
  const part = figures.cut ? 'the first ' : ''
  const lines = [
    `${style.bold(name)}: ${part}${figures.flushes} flushes in ${(figures.span / 1e6).toFixed(1)} s on ${cpus.length} CPUs (${form})`,
    figures.quickest === undefined
      ? `Recorded time is divided by ${speed}; without probes nobody knows how long flushes took then (--speed).`
      : `Recorded time is divided by ${speed}: the quickest tenth of the flushes took ${figures.quickest.toFixed(1)} us then.`,
  ]
  if (figures.leftOut > 0)
    lines.push(`${figures.leftOut} flushes are left out: of no address space, or of one that is not known.`)
  return lines.join('\n')
}

function table(arms: readonly ReplayedArm[], reference: ReplayedArm, style: Style): string {
  const head = ['', 'time, ms', 'ratio', 'flush, us', 'ratio', 'of time', 'p50', 'p99', 'IPIs', 'calls']
  const rows = arms.map((arm) => [
    `${arm.flush}, ${arm.free}${arm === reference ? ' (recorded)' : ''}`,
    short(arm.time.value / 1000),
    interval(arm.ratio, style),
    short(arm.perFlush.value),
    interval(arm.flushRatio, style),
    `${(100 * arm.flushShare).toFixed(1)} %`,
    ...(arm.remoteShare === 0 ? ['-', '-'] : [short(arm.p50), short(arm.p99)]),
    arm.interrupts.toFixed(2),
    arm.hypercalls.toFixed(2),
  ])
  const bad = arms.filter(({ violations }) => violations > 0)
  const warnings = bad.map(({ flush, free }) =>
    style.bad(`  ${flush}, ${free}: page tables were used after they had been freed: see 'shootdown check'.`),
  )
  return [columns(head, rows, style), ...warnings].join('\n')
}

function legend({ figures }: Replayable, { arms }: Replayed): string {
  const [first] = arms
  const lines = [
    'time: until all vCPUs have done their parts. flush: mean of all; p50 and p99 of those with other CPUs in the mask (us).',
    'of time: share of busy vCPU time that initiators spend in flushes. IPIs (taken) and calls (hypercalls): for each flush.',
    'Ratios are to the recorded form, with 95 % intervals over seeds.',
  ]
  if (first !== undefined) {
    const executed =
      figures.executions === undefined
        ? ''
        : `; executed on other CPUs, for each flush: recorded ${(figures.executions / figures.flushes).toFixed(2)}, replayed ${first.interrupts.toFixed(2)}`
    lines.push(
      `Others in the mask: recorded ${percent(figures.remote, figures.flushes)} %, replayed ${(100 * first.remoteShare).toFixed(1)} %${executed}.`,
    )
  }
  return lines.join('\n')
}

function interval({ value, plusMinus }: Interval, style: Style): string {
  if (plusMinus === 0) return value.toFixed(3)
  return `${value.toFixed(3)} ${style.ascii ? '+-' : '±'} ${plusMinus.toFixed(3)}`
}

/** Three significant digits. */
function short(value: number): string {
  if (value >= 100) return value.toFixed(0)
  if (value >= 10) return value.toFixed(1)
  return value >= 1 ? value.toFixed(2) : value.toFixed(3)
}
