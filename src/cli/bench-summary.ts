/** From the runs of an arm, one for each seed, to the figures that are printed. */
import type { BenchArm, EventFigures } from '../report/bench-text.ts'
import type { RunResult } from '../simulate/run.ts'
import { meanOf, ratioOf } from '../simulate/statistics.ts'
import { joined } from './bench-combinations.ts'
import type { Arm, BenchPlan } from './bench-options.ts'

/** The first arm of the same place. */
export function referenceOf(
  plan: BenchPlan,
  results: readonly RunResult[][],
  i: number,
): readonly RunResult[] {
  return results[plan.arms.findIndex((arm) => arm.place === plan.arms[i]!.place)]!
}

export function summarize(arm: Arm, runs: readonly RunResult[], reference: readonly RunResult[]): BenchArm {
  const rates = runs.map((run) => run.rate)
  const average = (of: (run: RunResult) => number) =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length
  const worst = (of: (run: RunResult) => number) => Math.max(...runs.map(of))
  const latency = (key: 'flush' | 'operation') => ({
    p50: average((run) => run[key].p50) / 1000,
    p90: average((run) => run[key].p90) / 1000,
    p99: average((run) => run[key].p99) / 1000,
    max: worst((run) => run[key].max) / 1000,
  })
  const events = Object.fromEntries(
    Object.keys(runs[0]!.events)
      .sort()
      .map((name) => [name, eventOf(name, runs)]),
  )
  const bad = runs.find((run) => run.violation !== undefined)?.violation
  return {
    name: joined(arm.flush, arm.free, arm.label),
    where: arm.place,
    size: { pcpus: arm.host.pcpus, vms: arm.host.vms, vcpus: arm.host.vcpus, ...arm.sizes },
    rate: meanOf(rates),
    ratio: ratioOf(
      rates,
      reference.map((run) => run.rate),
    ),
    flush: latency('flush'),
    operation: latency('operation'),
    events,
    irqsOffMax: worst((run) => run.irqsOff.max) / 1000,
    ackWaitMax: worst((run) => run.ackWait.max) / 1000,
    shares: Object.fromEntries(
      Object.keys(runs[0]!.shares).map((name) => [
        name,
        average((run) => run.shares[name as keyof RunResult['shares']]),
      ]),
    ) as BenchArm['shares'],
    rcuPeakPages: worst((run) => run.rcu.peakPages),
    gracePeriod: worst((run) => run.rcu.longest),
    gracePeriods: average((run) => run.rcu.periods),
    violations: runs.reduce((sum, run) => sum + run.violations, 0),
    ...(bad !== undefined && { violation: bad }),
  }
}

/** One thing that the workload counts, over all runs. */
function eventOf(name: string, runs: readonly RunResult[]): EventFigures {
  const of = runs.map((run) => run.events[name]).filter((event) => event !== undefined)
  const average = (key: 'p50' | 'p99') => of.reduce((sum, event) => sum + event[key], 0) / of.length / 1000
  return {
    perSecond: meanOf(runs.map((run) => run.events[name]?.perSecond ?? 0)),
    p50: average('p50'),
    p99: average('p99'),
    max: Math.max(...of.map((event) => event.max)) / 1000,
  }
}
