/** What a row of the validation suite is: what to run before and after a change, and what of it is compared. */
import { checkHost, type HostInput } from '../host.ts'
import type { RunResult, RunSpec } from '../run.ts'
import type { Knobs } from '../workloads/workload.ts'

/** One thing to run. */
export interface Setting {
  readonly workload: string
  readonly machine: HostInput
  readonly flush?: string
  readonly free?: string
  readonly knobs?: Partial<Knobs>
  readonly milliseconds?: number
}

/** One published ratio. */
export interface Case {
  readonly name: string
  readonly before: Setting
  readonly after: Setting
  readonly published: number
  /** Bounds within which the simulated ratio is accepted. */
  readonly accept: readonly [number, number]
  /** After over before, of rates; or of what each operation takes, before over after where faster is more. */
  readonly measure: Measure
}

export type Measure = 'rate' | 'latency' | 'speedup' | 'interrupts' | 'user' | 'system' | 'time'

export interface Row {
  readonly id: string
  readonly title: string
  readonly cases: readonly Case[]
  /** Whether any constant was chosen with this row in view. */
  readonly role: 'calibrated' | 'predicted'
  /** Asked for is only the order of the cases: the row is good if the simulated ratios come in the order of the published ones. */
  readonly ranked?: true
  /** What is known to be missing, or assumed. */
  readonly note?: string
}

export function specOf(setting: Setting, seed: number): RunSpec {
  const { workload, machine, flush = 'native', free = 'rcu', knobs = {}, milliseconds } = setting
  return {
    workload,
    host: checkHost(machine, workload, flush),
    flush,
    free,
    profile: 'tlfs',
    knobs,
    seed,
    ...(milliseconds !== undefined && { milliseconds }),
  }
}

/** What a case compares, of one seed's two runs. */
export function measured(measure: Measure, before: RunResult, after: RunResult): number {
  const user = (run: RunResult) => (run.shares.user + run.shares.refill) / run.rate
  const system = (run: RunResult) => (1 - run.shares.user - run.shares.refill - run.shares.idle) / run.rate
  const perSecond = (run: RunResult) => run.counts.interrupts / run.counts.simulatedSeconds
  switch (measure) {
    case 'rate':
      return after.rate / before.rate
    case 'latency':
      return after.operation.mean / before.operation.mean
    case 'speedup':
      return before.operation.mean / after.operation.mean
    case 'interrupts':
      return perSecond(after) / perSecond(before)
    case 'user':
      return user(after) / user(before)
    case 'system':
      return system(after) / system(before)
    case 'time':
      return before.rate / after.rate
  }
}

/** Bounds so large a share below and above. */
export function within(published: number, share: number): readonly [number, number] {
  return [published * (1 - share), published * (1 + share)]
}

/** Bounds so much below and above. */
export function around(published: number, by: number): readonly [number, number] {
  return [published - by, published + by]
}
