/**
 * A build on one of the thread's hosts, or on one like it. What is calibrated on the thread's CURRENT column (IPIs, tables freed at
 * once), and on nothing else: how much user and system time the build needs under either load, which part of it is serial, how long
 * jobs wait, how often they sleep and are switched, and the noise. What comes from the engine: the user and system time of one
 * fault's worth of compiling under a backend and a policy, and how long a vCPU has to wait for a pCPU. `make.ts` puts both together.
 */
import { type Group, groupsFor, type KernbenchOptions, type KernbenchRun } from './kernbench.ts'
import { type Figure, type KernbenchHost, type Load, THREAD_HOSTS } from './kernbench-hosts.ts'
import { type Build, make } from './make.ts'
import { Random } from './random.ts'
import type { RunResult } from './run.ts'
import { USER_PER_FAULT } from './workloads/compile.ts'
import { compileMix } from './workloads/compile-mix.ts'

/** What the engine says one arm costs under one load: nanoseconds for each fault. */
export interface EngineCost {
  readonly user: number
  readonly system: number
  /** Wall-clock time of one second on a CPU, because others have the pCPU. */
  readonly slowdown: number
}

/** From a run of the `compile` workload. */
export function engineCost({ rate, shares }: RunResult, vcpus: number): EngineCost {
  const perFault = (vcpus * 1e9) / rate
  const user = shares.user + shares.refill
  const busy = 1 - shares.idle - shares['not running']
  return {
    user: perFault * user,
    system: perFault * (busy - user),
    slowdown: (busy + shares['not running']) / busy,
  }
}

/** Seconds between two starts by make (assumption: fork, exec and make's own work). */
const SPAWN = 0.001
/** What a unit waits more while nothing is cached yet (assumption: one seek). */
const COLD = 0.008

/** The build of a host, calibrated. */
export interface HostModel {
  readonly cpus: number
  /** Whether these CPUs are a host's of the thread; otherwise everything is scaled from the nearer one. */
  readonly published: KernbenchHost | undefined
  readonly units: number
  readonly faults: number
  /** Seconds of the whole build under the half load, and with all CPUs busy. */
  readonly user: Readonly<Record<'half' | 'optimal', number>>
  readonly system: Readonly<Record<'half' | 'optimal', number>>
  /** Seconds; see `make.ts`. */
  readonly serial: number
  readonly wait: number
  /** Switches for each second on a CPU beside those at the end of a slice; slices that CFS's rule makes one too many. */
  readonly switches: number
  readonly sliceFactor: number
  readonly sleeps: Readonly<Record<'half' | 'optimal', number>>
  /** Relative standard deviations between runs. */
  readonly noise: Readonly<Record<'user' | 'system' | 'switches' | 'sleeps', number>>
  readonly elapsedNoise: Readonly<Record<'half' | 'optimal', number>>
}

/** All CPUs are busy under these loads. */
function calibrated(load: Load): 'half' | 'optimal' {
  return load === 'single' || load === 'half' ? 'half' : 'optimal'
}

/** Undoes the accumulation: what the later group alone was, from the average over both. */
function later(earlier: Figure, accumulated: Figure): number {
  return 2 * accumulated.mean - earlier.mean
}

const CALIBRATION: KernbenchOptions = { fast: false, single: false, without: new Set(['maximal']) }
/** Rounds of calibration; each makes the error about a hundred times smaller. */
const ROUNDS = 5

const models = new Map<number, HostModel>()

/** The build on a host of the thread, from its CURRENT column. */
function calibrate(host: KernbenchHost): HostModel {
  const known = models.get(host.cpus)
  if (known !== undefined) return known
  const { half, optimal } = host.current
  const both = (name: 'user' | 'system' | 'switches' | 'sleeps') => ({
    half: half[name].mean,
    optimal: later(half[name], optimal[name]),
  })
  const user = both('user')
  const system = both('system')
  const switches = both('switches')
  const faults = (user.half * 1e9) / USER_PER_FAULT
  const noise = (name: 'user' | 'system' | 'switches' | 'sleeps') => half[name].sd / half[name].mean
  let model: HostModel = {
    cpus: host.cpus,
    published: host,
    units: Math.round(faults / compileMix().faults),
    faults,
    user,
    system,
    serial: 0,
    wait: 0,
    switches: switches.half / (user.half + system.half),
    sliceFactor: 1,
    sleeps: both('sleeps'),
    noise: {
      user: noise('user'),
      system: noise('system'),
      switches: noise('switches'),
      sleeps: noise('sleeps'),
    },
    elapsedNoise: {
      half: half.elapsed.sd / half.elapsed.mean,
      optimal: optimal.elapsed.sd / optimal.elapsed.mean,
    },
  }
  const [halfGroup, optimalGroup] = groupsFor(host.cpus, CALIBRATION) as [Group, Group]
  for (let round = 0; round < ROUNDS; round++) {
    const missing = optimal.elapsed.mean - buildOf(model, optimalGroup).elapsed
    const serial = Math.max(0, model.serial + (missing * host.cpus) / (host.cpus - 1))
    model = { ...model, serial }
    const idle = half.elapsed.mean - buildOf(model, halfGroup).elapsed
    model = { ...model, wait: Math.max(0, model.wait + (idle * halfGroup.jobs) / model.units) }
  }
  const { slices } = buildOf(model, optimalGroup)
  const atSlices = switches.optimal - model.switches * (user.optimal + system.optimal)
  model = { ...model, sliceFactor: atSlices / slices }
  models.set(host.cpus, model)
  return model
}

/** The model for so many CPUs: a host's of the thread, or the nearer one's build on other CPUs. */
export function modelFor(cpus: number): HostModel {
  const host = THREAD_HOSTS.find((one) => one.cpus === cpus)
  if (host !== undefined) return calibrate(host)
  const [small, large] = THREAD_HOSTS as readonly [KernbenchHost, KernbenchHost]
  const nearer = Math.abs(Math.log(cpus / small.cpus)) < Math.abs(Math.log(cpus / large.cpus)) ? small : large
  return { ...calibrate(nearer), cpus, published: undefined }
}

/** Costs of an arm beside those of what the model is calibrated on. */
export interface ArmCost {
  readonly own: EngineCost
  readonly reference: EngineCost
}

const SAME: EngineCost = { user: 0, system: 0, slowdown: 1 }
const CALIBRATED: ArmCost = { own: SAME, reference: SAME }

/** User and system seconds of the build under an arm: the calibrated ones, and what the engine says it takes more or less. */
export function cpuTime(model: HostModel, load: Load, { own, reference }: ArmCost) {
  const at = calibrated(load)
  const stretch = (of: 'user' | 'system') => model[of][at] / model[of].half
  return {
    user: model.user[at] + model.faults * (own.user - reference.user) * 1e-9 * stretch('user'),
    system: model.system[at] + model.faults * (own.system - reference.system) * 1e-9 * stretch('system'),
  }
}

/** One build without noise. */
export function buildOf(model: HostModel, { load, jobs }: Group, arm: ArmCost = CALIBRATED, cold = false) {
  const { user, system } = cpuTime(model, load, arm)
  const { units, cpus, serial, wait } = model
  const build: Build = {
    units,
    work: user + system,
    cpus,
    jobs,
    serial,
    wait: wait + (cold ? COLD : 0),
    beside: compileMix().beside,
    spawn: SPAWN,
    slowdown: arm.own.slowdown,
  }
  return { user, system, ...make(build, 1) }
}

/** Runs of each group: the build, and the noise between runs. The noise depends on the seed alone, so that arms share it. */
export function runGroups(
  model: HostModel,
  groups: readonly Group[],
  runs: number,
  costs: (group: Group) => ArmCost,
  fast: boolean,
  seed: number,
): KernbenchRun[][] {
  const random = new Random(seed)
  return groups.map((group, g) => {
    const at = calibrated(group.load)
    const warm = buildOf(model, group, costs(group))
    const cold = fast && g === 0 ? buildOf(model, group, costs(group), true) : warm
    return Array.from({ length: runs }, (_, run) => {
      const build = run === 0 ? cold : warm
      const noisy = (value: number, sd: number) => value * (1 + sd * random.normal())
      const user = noisy(build.user, model.noise.user)
      const system = noisy(build.system, model.noise.system)
      const elapsed = noisy(build.elapsed, model.elapsedNoise[at])
      const switches = model.switches * (build.user + build.system) + model.sliceFactor * build.slices
      return {
        elapsed,
        user,
        system,
        percent: Math.floor((100 * (user + system)) / elapsed),
        switches: Math.round(noisy(switches, model.noise.switches)),
        sleeps: Math.round(noisy(model.sleeps[at], model.noise.sleeps)),
      }
    })
  })
}
