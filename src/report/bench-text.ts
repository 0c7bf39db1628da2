/** How the simulator's results are printed: tables of arms side by side, where the time went, kernbench in its own form. */
import Table from 'cli-table3'
import { ACCOUNTS, type Account } from '../simulate/operations.ts'
import type { Interval } from '../simulate/statistics.ts'
import type { Style } from './style.ts'

/** One thing that a workload counts: walks of gup-storm, say. Latencies in microseconds. */
export interface EventFigures {
  readonly perSecond: Interval
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** One arm of a comparison, over all seeds. */
export interface BenchArm {
  readonly name: string
  /** Machine of the sweep: `8 pCPUs, 2 VMs x 8 vCPUs`. */
  readonly where: string
  /** Of the machine, and other sizes that differ between places: `threads`. */
  readonly size: Readonly<Record<string, number>>
  readonly rate: Interval
  /** Against the first arm of the same place. */
  readonly ratio: Interval
  /** Microseconds. */
  readonly flush: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number }
  readonly operation: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
  readonly events: Readonly<Record<string, EventFigures>>
  readonly irqsOffMax: number
  readonly ackWaitMax: number
  readonly shares: Readonly<Record<Account, number>>
  readonly rcuPeakPages: number
  /** The longest, in nanoseconds, and how many ended in a run, on average. */
  readonly gracePeriod: number
  readonly gracePeriods: number
  readonly violations: number
  readonly violation?: string
}

/** Three significant digits; thousands with a comma; what is not known is a dash. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value >= 1000) return Math.round(value).toLocaleString('en-US')
  if (value >= 100) return value.toFixed(0)
  if (value >= 10) return value.toFixed(1)
  return value >= 1 ? value.toFixed(2) : value.toFixed(3)
}

function plusMinus({ value, plusMinus: half }: Interval, style: Style): string {
  return half === 0 || !Number.isFinite(half)
    ? short(value)
    : `${short(value)} ${style.ascii ? '+-' : '±'} ${short(half)}`
}

/** `records`, `flushes`. */
export function plural(unit: string): string {
  return unit.endsWith('sh') ? `${unit}es` : `${unit}s`
}

/** A table without borders: columns apart by blanks, the first one left, the others right. */
export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(
      [
        'top',
        'top-mid',
        'top-left',
        'top-right',
        'bottom',
        'bottom-mid',
        'bottom-left',
        'bottom-right',
        'left',
        'left-mid',
        'mid',
        'mid-mid',
        'right',
        'right-mid',
        'middle',
      ].map((key) => [key, '']),
    ),
  })
  for (const row of rows) table.push([...row])
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n')
}

/** The arms of one machine. */
export function benchTables(arms: readonly BenchArm[], unit: string, style: Style): string {
  const places = [...new Set(arms.map((arm) => arm.where))]
  return places
    .map((where) => {
      const here = arms.filter((arm) => arm.where === where)
      const parts = [
        style.bold(where),
        scores(here, unit, style),
        events(here, style),
        shares(here),
        memory(here),
        ...warnings(here, style),
      ]
      return parts.filter((part) => part !== '').join('\n\n')
    })
    .join('\n\n')
}

function percentiles({ p50, p90, p99, max }: BenchArm['flush']): number[] {
  return [p50, p90, p99, max]
}

function scores(arms: readonly BenchArm[], unit: string, style: Style): string {
  // Where nobody flushes, the latencies are those of the operation itself.
  const flushes = arms.some(({ flush }) => flush.max > 0)
  const head = [
    '',
    `${plural(unit)}/s`,
    'ratio',
    `${flushes ? 'flush' : unit} p50`,
    'p90',
    'p99',
    'max',
    'irqs off',
    'IPI wait',
  ]
  const rows = arms.map((arm) => [
    arm.name,
    plusMinus(arm.rate, style),
    plusMinus(arm.ratio, style),
    ...percentiles(flushes ? arm.flush : arm.operation).map(short),
    ...[arm.irqsOffMax, arm.ackWaitMax].map(short),
  ])
  return `${plainTable(head, rows)}\n  (times in microseconds; irqs off and IPI wait are the worst windows; intervals are 95 %)`
}

/** What is counted beside the loops, where there is more than one thing. */
function events(arms: readonly BenchArm[], style: Style): string {
  const names = Object.keys(arms[0]!.events)
  if (names.length < 2) return ''
  const rows = names.flatMap((name, n) =>
    arms.flatMap((arm): string[][] => {
      const event = arm.events[name]
      if (event === undefined) return []
      const figures = [plusMinus(event.perSecond, style), ...[event.p50, event.p99, event.max].map(short)]
      const row = [`${name}: ${arm.name}`, ...figures]
      return arm === arms[0] && n > 0 ? [row.map(() => ''), row] : [row]
    }),
  )
  return plainTable(['what happens', 'per second', 'p50', 'p99', 'max'], rows)
}

function shares(arms: readonly BenchArm[]): string {
  const used = ACCOUNTS.filter((name) => arms.some((arm) => arm.shares[name] >= 0.0005))
  const rows = arms.map((arm) => [arm.name, ...used.map((name) => (100 * arm.shares[name]).toFixed(1))])
  return plainTable(['where the time went, %', ...used], rows)
}

/** Page tables that wait for grace periods. */
function memory(arms: readonly BenchArm[]): string {
  const waiting = arms.filter((arm) => arm.rcuPeakPages > 0)
  if (waiting.length === 0) return ''
  const rows = waiting.map((arm) => [
    arm.name,
    short(arm.rcuPeakPages),
    short((arm.rcuPeakPages * 4096) / 1e6),
    short(arm.gracePeriods),
    arm.gracePeriod > 0 ? short(arm.gracePeriod / 1e6) : 'none ended',
  ])
  return plainTable(['pages that wait for RCU', 'most', 'MB', 'grace periods', 'longest, ms'], rows)
}

function warnings(arms: readonly BenchArm[], style: Style): string[] {
  return [...stuck(arms, style), ...unsafe(arms, style)]
}

/** Nothing was finished: the run was too short for what it waits for. */
function stuck(arms: readonly BenchArm[], style: Style): string[] {
  const none = arms.filter(({ rate }) => rate.value === 0).map(({ name }) => name)
  if (none.length === 0) return []
  return [style.bad(`  ${none.join('; ')}: not one loop was finished. Simulate more milliseconds (--ms).`)]
}

function unsafe(arms: readonly BenchArm[], style: Style): string[] {
  const bad = arms.filter((arm) => arm.violations > 0)
  if (bad.length === 0) return []
  return [
    bad
      .map((arm) =>
        style.bad(`  ${arm.name}: the runs met ${arm.violations} use(s) of freed memory (${arm.violation}).`),
      )
      .join('\n') +
      "\n  The combination is unsafe: 'shootdown check thread' says why. Its figures are those of a kernel that is wrong.",
  ]
}
