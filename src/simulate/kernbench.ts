/**
 * kernbench 0.42 as it is: half load (CPUs / 2 jobs), optimal load (4 x CPUs), maximal; so many runs of each, and its printed
 * means and deviations. Two layers: the engine says what user and system time one fault's worth of compiling costs under a
 * backend and a policy; a model of `make -j`, calibrated on one measured column, says what that makes of a whole build.
 *
 * The script resets only the elapsed accumulator between its groups, so every other figure of a later group is an average
 * over all runs so far. That, and not a noisy machine, is why such tables show user times with deviations in the hundreds.
 */
import {
  FIGURES,
  type Figure,
  type FigureName,
  type KernbenchGroup,
  type KernbenchHost,
  type Load,
  THREAD_HOSTS,
} from './kernbench-hosts.ts'
import { Random } from './random.ts'
import type { RunResult } from './run.ts'

/** What one arm's engine runs say against the reference arm's: factors on user and system time. */
export interface ArmCost {
  readonly user: number
  readonly system: number
}

/** Nanoseconds of user and system time per loop of the `compile` workload. */
export function costPerFault(result: RunResult, vcpus: number): ArmCost {
  const perLoop = (vcpus * 1e9) / result.rate
  const user = result.shares.user + result.shares.refill
  return {
    user: perLoop * user,
    system: perLoop * (1 - user - result.shares.idle - result.shares['not running']),
  }
}

/** One run, in kernbench's six figures. */
export type KernbenchRun = Readonly<Record<FigureName, number>>

/** What a build needs on a host under one load: derived from the calibrating column alone. */
export interface LoadModel {
  readonly jobs: number
  readonly user: Figure
  readonly system: Figure
  readonly switches: Figure
  readonly sleeps: Figure
  /** Seconds in which only one job runs: configuration, links, the tail of the build. */
  readonly serial: number
  readonly elapsedNoise: number
}

/** Undoes the accumulation: what the later group alone was, from the average over both. */
function alone(earlier: Figure, accumulated: Figure): number {
  return 2 * accumulated.mean - earlier.mean
}

/** The model of one load, from the calibrating column. */
export function calibrate(host: KernbenchHost, load: 'half' | 'optimal'): LoadModel {
  const { half, optimal } = host.current
  const jobs = host.jobs[load]
  const busy = Math.min(jobs, host.cpus)
  const figure = (name: Exclude<FigureName, 'elapsed' | 'percent'>): Figure =>
    load === 'half'
      ? half[name]
      : {
          mean: alone(half[name], optimal[name]),
          sd: half[name].sd * (alone(half[name], optimal[name]) / half[name].mean),
        }
  const user = figure('user')
  const system = figure('system')
  const { elapsed } = host.current[load]
  const work = user.mean + system.mean
  return {
    jobs,
    user,
    system,
    switches: figure('switches'),
    sleeps: figure('sleeps'),
    serial: Math.max(0, (elapsed.mean * busy - work) / Math.max(1, busy - 1)),
    elapsedNoise: elapsed.sd,
  }
}

/** One run of a build: the calibrated work, made dearer or cheaper by the arm, and the noise of the calibrating column. */
export function runBuild(model: LoadModel, cpus: number, arm: ArmCost, random: Random): KernbenchRun {
  const noisy = ({ mean, sd }: Figure, factor = 1) => mean * factor + sd * random.normal()
  const user = noisy(model.user, arm.user)
  const system = noisy(model.system, arm.system)
  const busy = Math.min(model.jobs, cpus)
  const exact = model.user.mean * arm.user + model.system.mean * arm.system
  const elapsed = model.serial + (exact - model.serial) / busy + model.elapsedNoise * random.normal()
  return {
    elapsed,
    user,
    system,
    percent: Math.floor((100 * (user + system)) / elapsed),
    switches: Math.round(noisy(model.switches)),
    sleeps: Math.round(noisy(model.sleeps)),
  }
}

/** Mean and deviation with n - 1, as kernbench's own script computes them. */
export function figureOf(values: readonly number[]): Figure {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 }
}

/** Groups as kernbench prints them: only the elapsed accumulator is reset between groups. */
export function accumulate(groups: readonly (readonly KernbenchRun[])[]): KernbenchGroup[] {
  return groups.map((runs, i) => {
    const sofar = groups.slice(0, i + 1).flat()
    const of = (name: FigureName) => figureOf((name === 'elapsed' ? runs : sofar).map((run) => run[name]))
    return Object.fromEntries(FIGURES.map((name) => [name, of(name)])) as unknown as KernbenchGroup
  })
}

/** The thread's host with so many CPUs, or one that is scaled from the nearer of them. */
export function hostFor(cpus: number): { readonly host: KernbenchHost; readonly published: boolean } {
  const known = THREAD_HOSTS.find((host) => host.cpus === cpus)
  if (known !== undefined) return { host: known, published: true }
  const near = cpus <= 10 ? THREAD_HOSTS[0]! : THREAD_HOSTS[1]!
  const jobs = { half: cpus === 2 ? 3 : Math.floor(cpus / 2), optimal: 4 * cpus }
  const scale = (group: KernbenchGroup, load: 'half' | 'optimal'): KernbenchGroup => {
    const factor = Math.min(near.jobs[load], near.cpus) / Math.max(1, Math.min(jobs[load], cpus))
    return { ...group, elapsed: { mean: group.elapsed.mean * factor, sd: group.elapsed.sd * factor } }
  }
  const current = { half: scale(near.current.half, 'half'), optimal: scale(near.current.optimal, 'optimal') }
  return { host: { ...near, cpus, jobs, current }, published: false }
}

export const LOADS: readonly Exclude<Load, 'maximal'>[] = ['half', 'optimal']

/** All groups of one arm, accumulated as kernbench does. */
export function kernbench(host: KernbenchHost, arm: ArmCost, runs: number, seed: number): KernbenchGroup[] {
  const random = new Random(seed)
  const groups = LOADS.filter((load) => host.jobs[load] >= 1).map((load) => {
    const model = calibrate(host, load)
    return Array.from({ length: runs }, () => runBuild(model, host.cpus, arm, random))
  })
  return accumulate(groups)
}
