/** kernbench's tables in its own form, the thread's figures beside the simulated ones, and what the engine says. */
import type { Group, KernbenchRun } from '../simulate/kernbench.ts'
import { alone } from '../simulate/kernbench.ts'
import { FIGURES, type FigureName, type KernbenchGroup } from '../simulate/kernbench-hosts.ts'
import type { EngineCost, HostModel } from '../simulate/kernbench-model.ts'
import type { Interval } from '../simulate/statistics.ts'
import type { CompileMix } from '../simulate/workloads/compile-mix.ts'
import { plainTable } from './bench-text.ts'
import type { Style } from './style.ts'
import { count } from './verdict-text.ts'

/** One arm on one machine. */
export interface KernbenchColumn {
  readonly name: string
  readonly flush: string
  readonly free: string
  /** Whether its absolute figures were put in, or came out, or are of a host that the thread did not measure. */
  readonly role: 'calibrated' | 'predicted' | 'scaled'
  readonly groups: readonly KernbenchGroup[]
  readonly runs: readonly (readonly KernbenchRun[])[]
  /** By group: nanoseconds for each fault, and mean nanoseconds of events. */
  readonly engine: readonly (EngineCost & {
    /** Nanoseconds for each fault beyond those of what the model is calibrated on. */
    readonly more: Readonly<Record<'user' | 'system', Interval>>
    readonly events: Readonly<Record<string, number>>
  })[]
}

/** One machine. */
export interface KernbenchPlace {
  readonly place: string
  readonly cpus: number
  readonly runs: number
  readonly fast: boolean
  readonly model: HostModel
  readonly mix: CompileMix
  readonly groups: readonly Group[]
  readonly columns: readonly KernbenchColumn[]
}

const TITLES: Readonly<Record<FigureName, string>> = {
  elapsed: 'Elapsed Time',
  user: 'User Time',
  system: 'System Time',
  percent: 'Percent CPU',
  switches: 'Context Switches',
  sleeps: 'Sleeps',
}

/** Six significant digits, as awk prints numbers. */
export function awk(value: number): string {
  return String(Number(value.toPrecision(6)))
}

/** One column of kernbench's output. A single run has no deviation. */
export function kernbenchColumn(group: KernbenchGroup, runs = 2): string[] {
  return FIGURES.map(
    (name) => `${TITLES[name]} ${awk(group[name].mean)}${runs > 1 ? ` (${awk(group[name].sd)})` : ''}`,
  )
}

/** A group as kernbench prints it; of several arms side by side, as the thread posted it. */
export function kernbenchText(
  title: string,
  columns: readonly { readonly name: string; readonly group: KernbenchGroup }[],
  runs = 2,
): string {
  const cells = columns.map(({ name, group }) => [
    ...(columns.length > 1 ? [name, '==='] : []),
    ...kernbenchColumn(group, runs),
  ])
  const widths = cells.map((lines) => Math.max(...lines.map((line) => line.length)) + 2)
  const lines = cells[0]!.map((_, row) =>
    cells
      .map((column, i) => column[row]!.padEnd(widths[i]!))
      .join('')
      .trimEnd(),
  )
  return [`Average ${title} Run (std deviation):`, ...lines].join('\n')
}

/** Everything, machine by machine. */
export function kernbenchReport(places: readonly KernbenchPlace[], style: Style): string {
  return places.map((place) => placeReport(place, style)).join('\n\n\n')
}

function placeReport(place: KernbenchPlace, style: Style): string {
  const parts = [
    style.bold(heading(place)),
    ...place.groups.map(({ title }, g) =>
      kernbenchText(
        title,
        place.columns.map(({ name, groups }) => ({ name, group: groups[g]! })),
        // Accumulators: only the first group of one run has no deviation.
        g === 0 ? place.runs : 2,
      ),
    ),
    ...published(place, style),
    ...accumulators(place),
    engineTable(place, style),
  ]
  return parts.join('\n\n')
}

function heading({ place, cpus, runs, fast, model, columns }: KernbenchPlace): string {
  const calibrated = columns.find(({ role }) => role === 'calibrated')?.name
  const what = fast ? ', nothing cached before and no warm-up' : ''
  const from =
    model.published === undefined
      ? `scaled: the build of the thread's nearer host on ${cpus} CPUs`
      : `calibrated on the thread's ${calibrated ?? 'CURRENT (which is not among the columns)'}, the other columns are predicted`
  return `${cpus}-CPU host (${place}), ${runs} run${runs === 1 ? '' : 's'} of each load${what}; ${from}`
}

/** The thread's differences beside the simulated ones. */
function published({ model, groups, columns, runs }: KernbenchPlace, style: Style): string[] {
  const host = model.published
  const current = columns.find(({ name }) => name === 'CURRENT')
  const rcu = columns.find(({ name }) => name === 'HAVE_RCU_TABLE_FREE')
  if (host === undefined || current === undefined || rcu === undefined) return []
  const plusMinus = style.ascii ? '+-' : '±'
  const percent = (a: number, b: number) => (100 * (b / a - 1)).toFixed(2)
  const rows = groups.flatMap(({ load }, g) => {
    if (load === 'single' || load === 'maximal') return []
    return (['elapsed', 'user', 'system'] as const).map((figure) => {
      const [a, b] = [host.current[load][figure], host.rcu[load][figure]]
      const [c, d] = [current.groups[g]![figure], rcu.groups[g]![figure]]
      // Accumulated figures have no deviation that means anything.
      const noise =
        figure === 'elapsed' || g === 0
          ? (196 * Math.sqrt((a.sd ** 2 + b.sd ** 2) / host.runs)) / a.mean
          : undefined
      return [
        `${load} ${figure}, s`,
        awk(a.mean),
        awk(c.mean),
        awk(b.mean),
        awk(d.mean),
        percent(a.mean, b.mean),
        percent(c.mean, d.mean),
        noise === undefined ? '' : `${plusMinus}${noise.toFixed(2)}`,
      ]
    })
  })
  const head = [
    '',
    'CURRENT: thread',
    'simulated',
    'RCU: thread',
    'predicted',
    'RCU, %: thread',
    'predicted',
    "thread's noise",
  ]
  return [
    `${plainTable(head, rows)}\n  (the noise is what ${host.runs} runs of each kernel leave undecided, 95 %; simulated columns share their ${runs} runs' noise)`,
  ]
}

/** Where the deviations of later groups come from. */
function accumulators({ groups, columns, runs }: KernbenchPlace): string[] {
  const [first] = columns
  const last = groups.findLastIndex(({ load }) => load === 'optimal')
  if (first === undefined || last < 1) return []
  const own = alone(first.runs[last]!)
  const printed = first.groups[last]!
  const figure = (name: 'user' | 'system' | 'percent' | 'switches') =>
    `${TITLES[name]} ${awk(printed[name].mean)} (${awk(printed[name].sd)}) is ${awk(own[name].mean)} (${awk(own[name].sd)})`
  return [
    [
      `kernbench resets only the elapsed time between its groups: the other figures of "${groups[last]!.title}" are of all ${(last + 1) * runs} runs`,
      `so far, which is where deviations like (${awk(printed.percent.sd)}) come from. Of the ${runs} runs of its own, in the first column:`,
      `  ${figure('user')}`,
      `  ${figure('system')}`,
      `  ${figure('percent')}`,
      `  ${figure('switches')}`,
    ].join('\n'),
  ]
}

/** What the engine says, by arm: what is predicted from. */
function engineTable({ groups, columns, mix, model }: KernbenchPlace, style: Style): string {
  const g = Math.max(
    0,
    groups.findIndex(({ load }) => load === 'optimal'),
  )
  const counts: Readonly<Record<string, number>> = {
    flush: sum(mix, ({ localFlushes }) => localFlushes),
    'remote flush': sum(mix, ({ remoteFlushes }) => remoteFlushes),
    fork: mix.processes.length,
    exec: mix.processes.length,
    exit: mix.processes.length,
  }
  const names = Object.keys(counts).filter((name) => columns.some(({ engine }) => name in engine[g]!.events))
  const rows = [
    ...names.map((name) => [
      `${name}, ns each`,
      counts[name]!.toFixed(1),
      ...columns.map(({ engine }) => (engine[g]!.events[name] ?? 0).toFixed(0)),
    ]),
    ...(['user', 'system'] as const).map((key) => [
      `${key} time, ns a fault`,
      count(mix.faults),
      ...columns.map(({ engine }) => engine[g]![key].toFixed(1)),
    ]),
    ...(['user', 'system'] as const).map((key) => [
      `${key} time of the build, s more`,
      '',
      ...columns.map(({ engine }) => seconds(engine[g]!.more[key], model, style)),
    ]),
    ['waits for a pCPU', '', ...columns.map(({ engine }) => `x ${engine[g]!.slowdown.toFixed(2)}`)],
  ]
  const head = [
    `from the engine, ${groups[g]!.title.replace(/ load.*/, ' load').toLowerCase()}`,
    'per file',
    ...columns.map(({ name }) => name),
  ]
  return `${plainTable(head, rows)}\n  (${count(model.units)} files of ${count(mix.faults)} faults; everything else is calibrated: docs/simulator.md says what)`
}

function sum(mix: CompileMix, of: (process: CompileMix['processes'][number]) => number): number {
  return mix.processes.reduce((total, process) => total + of(process), 0)
}

function seconds({ value, plusMinus }: Interval, { faults }: HostModel, style: Style): string {
  const [all, half] = [value * faults * 1e-9, plusMinus * faults * 1e-9]
  return `${all < 0 ? '' : '+'}${all.toFixed(2)}${half === 0 ? '' : ` ${style.ascii ? '+-' : '±'}${half.toFixed(2)}`}`
}
