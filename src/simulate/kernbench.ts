/**
 * kernbench 0.42's method (Con Kolivas; the script was in LTP until 2021): which groups of runs it does, with how many jobs,
 * and how it computes what it prints.
 *
 * The script resets only the elapsed accumulator between its groups, so every other figure of a later group is an average
 * over all runs so far. That, and not a noisy machine, is why such tables show user times with deviations in the hundreds.
 */
import {
  FIGURES,
  type Figure,
  type FigureName,
  type KernbenchGroup,
  LOADS,
  type Load,
} from './kernbench-hosts.ts'

/** The script's options. */
export interface KernbenchOptions {
  /** `-n`: runs of each group; the script does 10 at most. */
  readonly runs?: number
  /** `-o`: jobs of the optimal load. */
  readonly optimal?: number
  /** `-f`: three runs, nothing cached before, no warm-up run. */
  readonly fast: boolean
  /** `-s`: single-threaded runs too. */
  readonly single: boolean
  /** Groups that are left out: `-H`, `-O`, `-M`. */
  readonly without: ReadonlySet<Load>
}

export const MOST_RUNS = 10
const DEFAULT_RUNS = 5
const FAST_RUNS = 3

/** How many runs of each group there are. */
export function runsOf(options: KernbenchOptions, otherwise = DEFAULT_RUNS): number {
  return Math.min(MOST_RUNS, options.runs ?? (options.fast ? FAST_RUNS : otherwise))
}

/** One group of runs. */
export interface Group {
  readonly load: Load
  /** Infinite for `make -j`. */
  readonly jobs: number
  /** As the script prints it: `Half load -j 3`. */
  readonly title: string
}

/** The groups that kernbench runs on so many CPUs. */
export function groupsFor(cpus: number, options: KernbenchOptions): Group[] {
  const wanted = LOADS.filter((load) => (load === 'single' ? options.single : !options.without.has(load)))
  return wanted.flatMap((load): Group[] => {
    const jobs = jobsOf(load, cpus, options)
    if (load === 'half' && cpus < 4) return []
    const title = {
      single: 'Single threaded',
      half: `Half load -j ${jobs}`,
      optimal: `Optimal load -j ${jobs}`,
      maximal: 'Maximal load -j',
    }[load]
    return [{ load, jobs, title }]
  })
}

function jobsOf(load: Load, cpus: number, options: KernbenchOptions): number {
  if (load === 'single') return 1
  if (load === 'maximal') return Number.POSITIVE_INFINITY
  if (load === 'optimal') return options.optimal ?? 4 * cpus
  // A compile does not keep two jobs busy, says the script, and makes three of them.
  const half = Math.floor(cpus / 2)
  return half === 2 ? 3 : half
}

/** One run, in kernbench's six figures. */
export type KernbenchRun = Readonly<Record<FigureName, number>>

/** Mean and deviation with n - 1, as the script's awk computes them. */
export function figureOf(values: readonly number[]): Figure {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 }
}

function group(of: (name: FigureName) => Figure): KernbenchGroup {
  const [elapsed, user, system, percent, switches, sleeps] = FIGURES.map(of) as [
    Figure,
    Figure,
    Figure,
    Figure,
    Figure,
    Figure,
  ]
  return { elapsed, user, system, percent, switches, sleeps }
}

/** Groups as kernbench prints them: only the elapsed accumulator is reset between groups. */
export function accumulate(groups: readonly (readonly KernbenchRun[])[]): KernbenchGroup[] {
  return groups.map((runs, i) => {
    const sofar = groups.slice(0, i + 1).flat()
    return group((name) => figureOf((name === 'elapsed' ? runs : sofar).map((run) => run[name])))
  })
}

/** A group with all accumulators reset: what its own runs were. */
export function alone(runs: readonly KernbenchRun[]): KernbenchGroup {
  return group((name) => figureOf(runs.map((run) => run[name])))
}
