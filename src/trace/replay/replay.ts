/** A recording under several backends and hosts: the arms, the runs over seeds, and what is printed of them. */
import type { HostDescription } from '../../simulate/host.ts'
import type { Account } from '../../simulate/operations.ts'
import { type PoolOptions, runAllOn } from '../../simulate/pool.ts'
import { type Interval, meanOf, ratioOf } from '../../simulate/statistics.ts'
import { hypervKernelOf } from '../check/kernel-rules.ts'
import type { ReplayBackend } from './guest.ts'
import type { Replayable } from './read.ts'
import { type ReplayResult, type ReplaySpec, runReplay } from './run.ts'
import { placeOn } from './stream.ts'

/** A backend and a policy on a host. */
export interface ReplayArm {
  readonly flush: ReplayBackend
  readonly free: string
  readonly host: HostDescription
}

export interface ReplayPlan {
  readonly recording: Replayable
  /** The first is the recorded form, which the others are compared with. */
  readonly arms: readonly ReplayArm[]
  readonly profile: string
  readonly invlpgbThreshold: number
  readonly seeds: readonly number[]
  /** Recorded time is divided by it; `fitted` compares the quickest flushes. */
  readonly speed: number | 'fitted'
  readonly perfetto: boolean
}

/** One arm over all seeds. Times in microseconds. */
export interface ReplayedArm extends ReplayArm {
  readonly time: Interval
  /** Of the total time to that of the recorded form. */
  readonly ratio: Interval
  readonly perFlush: Interval
  /** Of the mean time of a flush, likewise. */
  readonly flushRatio: Interval
  readonly flushShare: number
  /** Of flushes with other CPUs in the mask: share of all, and percentiles. */
  readonly remoteShare: number
  readonly p50: number
  readonly p99: number
  readonly interrupts: number
  readonly hypercalls: number
  readonly shares: Readonly<Record<Account, number>>
  readonly violations: number
}

export interface Replayed {
  readonly speed: number
  readonly arms: readonly ReplayedArm[]
  readonly timeline?: string
}

/** Seed of the run by which `fitted` speeds are found, and the speed that it runs at. */
const PILOT = { seed: 1, speed: 50 }

/** Runs all arms over all seeds, on all cores. */
export async function replay(plan: ReplayPlan, pool: PoolOptions = {}): Promise<Replayed> {
  const speed = plan.speed === 'fitted' ? fittedSpeed(plan) : plan.speed
  const specs = plan.arms.flatMap((arm, a) =>
    plan.seeds.map((seed, s) => specOf(plan, arm, seed, speed, plan.perfetto && a === 0 && s === 0)),
  )
  const url = new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
  const results = await runAllOn<ReplaySpec, ReplayResult>(url, specs, pool)
  const of = (arm: number) => results.slice(arm * plan.seeds.length, (arm + 1) * plan.seeds.length)
  const { timeline } = results[0]!
  return {
    speed,
    arms: plan.arms.map((arm, a) => ({ ...arm, ...figures(of(a), of(0)) })),
    ...(timeline !== undefined && { timeline }),
  }
}

/**
 * How many times longer than the model's the recorded machine's quickest flushes take: those that wait for nobody. 1 without
 * probes, since nobody knows then how long flushes took.
 */
function fittedSpeed(plan: ReplayPlan): number {
  const recorded = plan.recording.figures.quickest
  if (recorded === undefined) return 1
  const pilot = runReplay(specOf(plan, plan.arms[0]!, PILOT.seed, PILOT.speed, false))
  return Math.max(1, Number(((recorded * 1000) / pilot.quickest).toPrecision(2)))
}

function specOf(
  { recording, profile, invlpgbThreshold }: ReplayPlan,
  arm: ReplayArm,
  seed: number,
  speed: number,
  perfetto: boolean,
): ReplaySpec {
  return {
    ...arm,
    scripts: placeOn(arm.host.vcpus, recording.cpus),
    spaces: recording.spaces,
    profile,
    kernel: hypervKernelOf(recording.kernel ?? ''),
    invlpgbThreshold,
    speed,
    seed,
    ...(perfetto && { perfetto }),
  }
}

function figures(runs: readonly ReplayResult[], reference: readonly ReplayResult[]) {
  const mean = (of: (run: ReplayResult) => number) =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length
  const micros = (of: (run: ReplayResult) => number) => meanOf(runs.map((run) => of(run) / 1000))
  const ratio = (of: (run: ReplayResult) => number) => ratioOf(runs.map(of), reference.map(of))
  const names = Object.keys(runs[0]!.shares) as Account[]
  return {
    time: micros((run) => run.time),
    ratio: ratio((run) => run.time),
    perFlush: micros((run) => run.perFlush),
    flushRatio: ratio((run) => run.perFlush),
    flushShare: mean((run) => run.flushShare),
    remoteShare: mean(({ remote, local }) => remote.count / (remote.count + local.count || 1)),
    p50: mean((run) => run.remote.p50) / 1000,
    p99: mean((run) => run.remote.p99) / 1000,
    interrupts: mean((run) => run.interrupts),
    hypercalls: mean((run) => run.hypercalls),
    shares: Object.fromEntries(names.map((name) => [name, mean((run) => run.shares[name])])) as Record<
      Account,
      number
    >,
    violations: runs.reduce((sum, run) => sum + run.violations, 0),
  }
}
