/** One run: a workload on a machine with one backend, one policy and one seed, and what came of it, as plain data. */

import { type Costs, resolveCosts } from './cost-model.ts'
import { costModel } from './costs/registry.ts'
import { Engine } from './engine.ts'
import { EventLog, type EventSummary } from './event-log.ts'
import { Histogram, type LatencySummary } from './histogram.ts'
import type { HostDescription } from './host.ts'
import { ACCOUNTS, type Account, spend } from './operations.ts'
import { Random } from './random.ts'
import { Timeline } from './timeline.ts'
import { workload } from './workloads/registry.ts'
import { buildVm, type Vm } from './workloads/vm.ts'
import { DEFAULT_KNOBS, type Knobs } from './workloads/workload.ts'

/** What is run. */
export interface RunSpec {
  readonly workload: string
  readonly host: HostDescription
  readonly flush: string
  readonly free: string
  readonly profile: string
  readonly knobs: Partial<Knobs>
  readonly seed: number
  /** Milliseconds of simulated time; by default the workload's own, and some turns of the host's scheduler where vCPUs share pCPUs. */
  readonly milliseconds?: number
  readonly perfetto?: boolean
}

/** What came of it. */
export interface RunResult {
  /** Loops per second of all guests together. */
  readonly rate: number
  readonly flush: LatencySummary
  readonly operation: LatencySummary
  readonly ackWait: LatencySummary
  readonly irqsOff: LatencySummary
  readonly lockWait: LatencySummary
  /** Share of all vCPUs' time by account. */
  readonly shares: Readonly<Record<Account, number>>
  /** What the workload counts beside its loops: walks and munmaps of gup-storm, a compile's forks and exits. */
  readonly events: Readonly<Record<string, EventSummary>>
  readonly counts: RunCounts
  readonly rcu: RcuFigures
  /** Uses of freed page tables that this run happened to meet: the combination is unsafe; `shootdown check` says why. */
  readonly violations: number
  readonly violation?: string
  readonly timeline?: string
}

export interface RunCounts {
  readonly simulatedSeconds: number
  readonly operations: number
  readonly interrupts: number
  readonly exits: number
  readonly fullFlushes: number
  readonly hostSwitches: number
}

export interface RcuFigures {
  readonly periods: number
  /** Pages that waited for a grace period at the same time, at most, and on average. */
  readonly peakPages: number
  readonly meanPages: number
  readonly longest: number
}

/** Builds everything for a run; `simulate` runs it. */
export function prepareRun(spec: RunSpec): {
  readonly engine: Engine
  readonly vms: readonly Vm[]
  readonly timeline: Timeline | undefined
} {
  const chosen = workload(spec.workload)
  const host = { ...spec.host, workingSet: spec.host.workingSet ?? chosen.workingSet }
  const costs = resolveCosts(costModel(host.costModel), host.costs, host.pti)
  const knobs: Knobs = { ...DEFAULT_KNOBS, ...chosen.defaults, ...spec.knobs }
  const random = new Random(spec.seed)
  const vms = Array.from({ length: host.vms }, () => {
    const mask = chosen.mask?.(knobs, host.vcpus)
    return buildVm({
      host,
      costs,
      flush: spec.flush,
      free: spec.free,
      profile: spec.profile,
      knobs,
      random: random.fork(),
      spaces: typeof chosen.spaces === 'function' ? chosen.spaces(knobs) : chosen.spaces,
      threads: chosen.threads(knobs, host.vcpus),
      main: (vm, cpu, thread) => chosen.main(vm, cpu, thread),
      ...(mask && { mask }),
    })
  })
  const neighbours = host.hogs > 0 ? [hogs(spec, costs, knobs, random.fork())] : []
  const guests = [...vms, ...neighbours].map(({ guest }) => guest)
  const timeline = spec.perfetto === true ? new Timeline() : undefined
  const engine = new Engine({ host, costs, guests, seed: spec.seed + 1, timeline })
  return { engine, vms, timeline }
}

/** The neighbour: a VM with so many vCPUs, each of which computes and nothing else. */
function hogs(spec: RunSpec, costs: Costs, knobs: Knobs, random: Random): Vm {
  const { host, flush, free, profile } = spec
  return buildVm({
    host: { ...host, vcpus: host.hogs },
    costs,
    flush,
    free,
    profile,
    knobs,
    random,
    spaces: 'per-cpu',
    threads: host.hogs,
    *main() {
      for (;;) yield* spend(1e6, 'user')
    },
  })
}

/** Runs a specification from its begin to its end. */
export function simulate(spec: RunSpec, onProgress: (share: number) => void = () => {}): RunResult {
  const { engine, vms, timeline } = prepareRun(spec)
  const chosen = workload(spec.workload)
  const turn = turnOf(spec.host)
  const length = (spec.milliseconds ?? Math.max(chosen.milliseconds, LEAST_TURNS * turn)) * 1e6
  const warmup = Math.min(Math.max(chosen.warmup, turn) * 1e6, length / 4)
  engine.run(warmup)
  for (const { events } of vms) events.clear()
  const before = totals(engine, vms)
  for (let step = 1; step <= STEPS; step++) {
    engine.run(warmup + (length * step) / STEPS)
    onProgress(step / STEPS)
  }
  const after = totals(engine, vms)
  return {
    ...result(engine, vms, before, after, length),
    ...(timeline && { timeline: timeline.toJson(engine.vcpus, engine.scheduler.pcpus, engine.agenda.now) }),
  }
}

const STEPS = 20

/** Turns of the host's scheduler that a run lasts where nothing else is said. */
const LEAST_TURNS = 4

/** Milliseconds in which every vCPU has had a pCPU once; 0 where each has one of its own. */
function turnOf({ hogs, latency, pcpus, slice, scheduler, vcpus, vms }: HostDescription): number {
  const wanting = vms * vcpus + hogs
  if (wanting <= pcpus) return 0
  return (scheduler === 'fair' ? latency : (slice * wanting) / pcpus) / 1000
}

interface Totals {
  readonly done: number
  readonly spent: Float64Array
  readonly operations: number
  readonly interrupts: number
  readonly exits: number
  readonly fullFlushes: number
  readonly hostSwitches: number
  readonly pageNanoseconds: number
}

function totals(engine: Engine, vms: readonly Vm[]): Totals {
  const spent = new Float64Array(ACCOUNTS.length)
  for (const vcpu of engine.vcpus.filter(({ agent, guestNumber }) => !agent && guestNumber < vms.length))
    for (let i = 0; i < spent.length; i++) spent[i]! += vcpu.spent[i]!
  const { operations, interrupts, exits, fullFlushes, hostSwitches } = engine.counts
  const done = vms.reduce((sum, vm) => sum + vm.done.reduce((all, one) => all + one, 0), 0)
  const pageNanoseconds = engine.graces.reduce((sum, grace) => sum + grace.pageNanoseconds, 0)
  return { done, spent, operations, interrupts, exits, fullFlushes, hostSwitches, pageNanoseconds }
}

function result(
  engine: Engine,
  vms: readonly Vm[],
  before: Totals,
  after: Totals,
  length: number,
): RunResult {
  const seconds = length / 1e9
  const change = (key: Exclude<keyof Totals, 'spent'>) => after[key] - before[key]
  const spent = ACCOUNTS.map((_, i) => after.spent[i]! - before.spent[i]!)
  const all = spent.reduce((sum, one) => sum + one, 0) || 1
  const first = vms.find((vm) => vm.guest.memory.firstViolation !== undefined)?.guest.memory.firstViolation
  const merged = (pick: (vm: Vm) => Histogram) => merge(vms.map(pick)).summary()
  return {
    rate: change('done') / seconds,
    flush: merged((vm) => vm.flushLatency),
    operation: merged((vm) => vm.operationLatency),
    ackWait: engine.counts.ackWaits.summary(),
    irqsOff: engine.counts.irqsOff.summary(),
    lockWait: engine.counts.lockWaits.summary(),
    shares: Object.fromEntries(ACCOUNTS.map((name, i) => [name, spent[i]! / all])) as RunResult['shares'],
    events: EventLog.summary(
      vms.map((vm) => vm.events),
      seconds,
    ),
    counts: {
      simulatedSeconds: seconds,
      operations: change('operations'),
      interrupts: change('interrupts'),
      exits: change('exits'),
      fullFlushes: change('fullFlushes'),
      hostSwitches: change('hostSwitches'),
    },
    rcu: {
      periods: engine.graces.reduce((sum, grace) => sum + grace.periods, 0),
      peakPages: engine.graces.reduce((sum, grace) => sum + grace.peak, 0),
      meanPages: change('pageNanoseconds') / length,
      longest: Math.max(0, ...engine.graces.map((grace) => grace.longest)),
    },
    violations: vms.reduce((sum, vm) => sum + vm.guest.memory.violations, 0),
    ...(first && { violation: `${first.property}: ${first.message}` }),
  }
}

function merge(histograms: readonly Histogram[]): Histogram {
  const all = new Histogram()
  for (const histogram of histograms) all.merge(histogram)
  return all
}
