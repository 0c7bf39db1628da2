/** `shootdown bench kernbench`: the engine's runs under each load, the builds that they make, and kernbench's own tables. */
import { UsageError } from '../core/errors.ts'
import { kernbenchSvg } from '../report/kernbench-plot.ts'
import { type KernbenchColumn, type KernbenchPlace, kernbenchReport } from '../report/kernbench-text.ts'
import { styleFor } from '../report/style.ts'
import { checkHost, type HostDescription } from '../simulate/host.ts'
import { accumulate, type Group, groupsFor, type KernbenchOptions, runsOf } from '../simulate/kernbench.ts'
import {
  type ArmCost,
  type EngineCost,
  engineCost,
  modelFor,
  runGroups,
} from '../simulate/kernbench-model.ts'
import type { RunResult, RunSpec } from '../simulate/run.ts'
import { type Interval, meanOf } from '../simulate/statistics.ts'
import { compileMix } from '../simulate/workloads/compile-mix.ts'
import { joined } from './bench-combinations.ts'
import { type Arm, type BenchFlags, type BenchPlan, placeName, whole } from './bench-options.ts'
import { runSpecs } from './bench-runs.ts'
import { writeOutput } from './output-file.ts'

/** Simulated time below which the mix of a compile has not been seen. */
const LEAST_MILLISECONDS = 20

/** kernbench's own options. */
export function kernbenchOptions(flags: BenchFlags): KernbenchOptions {
  const given = (flag: string): number | undefined =>
    typeof flags[flag] === 'string' ? whole(flags[flag], `-${flag}`) : undefined
  const runs = given('n')
  const optimal = given('o')
  return {
    ...(runs !== undefined && { runs }),
    ...(optimal !== undefined && { optimal }),
    fast: flags.f === true,
    single: flags.s === true,
    without: new Set([
      ...(flags.H === true ? (['half'] as const) : []),
      ...(flags.O === true ? (['optimal'] as const) : []),
      ...(flags.M === true ? (['maximal'] as const) : []),
    ]),
  }
}

/** What the model is calibrated on: the thread's CURRENT kernel on bare metal with as many CPUs. */
function referenceArm(arm: Arm): Arm {
  const { costModel, costs, sockets, pti, workingSet } = arm.host
  const pcpus = cpusOf(arm.host)
  const host = checkHost(
    { costModel, costs, pcpus, sockets, pti, workingSet },
    'the host that is calibrated on',
  )
  return { ...arm, flush: 'native', free: 'immediate', host, knobs: {} }
}

/** CPUs that the build sees. */
function cpusOf(host: HostDescription): number {
  return host.virtual ? host.vcpus : host.pcpus
}

function isReference({ flush, free, host }: Arm): boolean {
  return flush === 'native' && (free === 'immediate' || free === 'boot') && !host.virtual
}

/** CPUs that have work under a load: what the engine simulates. */
function busyCpus(group: Group, cpus: number): number {
  return Math.min(cpus, group.jobs)
}

/** Runs that differ in nothing are done once. */
class Engine {
  private readonly specs = new Map<string, RunSpec>()
  private results = new Map<string, RunResult>()

  add(spec: RunSpec): void {
    this.specs.set(JSON.stringify(spec), spec)
  }

  async run(): Promise<void> {
    const results = await runSpecs('kernbench: compiling', [...this.specs.values()])
    this.results = new Map([...this.specs.keys()].map((key, i) => [key, results[i]!]))
  }

  of(spec: RunSpec): RunResult {
    return this.results.get(JSON.stringify(spec))!
  }
}

/** kernbench's tables for every machine of the plan. */
export async function benchKernbench(plan: BenchPlan, flags: BenchFlags): Promise<number> {
  if (plan.arms.some(({ knobs }) => Object.keys(knobs).length > 0)) {
    const names = Object.keys(plan.arms[0]!.knobs).join(', ')
    throw new UsageError(
      `kernbench takes none of the workloads' settings (${names}); -n, -o, -f, -s, -H, -O, -M are its own`,
    )
  }
  const options = kernbenchOptions(flags)
  if (plan.milliseconds !== undefined && plan.milliseconds < LEAST_MILLISECONDS)
    throw new UsageError(
      `--ms ${plan.milliseconds}: kernbench needs at least ${LEAST_MILLISECONDS}: a file takes about 50`,
    )
  const specOf = (arm: Arm, threads: number, seed: number): RunSpec => ({
    workload: 'compile',
    flush: arm.flush,
    free: arm.free,
    host: arm.host,
    knobs: { threads },
    profile: plan.profile,
    seed,
    ...(plan.milliseconds !== undefined && { milliseconds: plan.milliseconds }),
    ...(flags.perfetto !== undefined && arm === plan.arms[0] && seed === plan.seeds[0] && { perfetto: true }),
  })
  const engine = new Engine()
  const machines = [...new Set(plan.arms.map(({ host }) => host))].map((host) => {
    const arms = plan.arms.filter((arm) => arm.host === host)
    const reference = arms.find(isReference) ?? referenceArm(arms[0]!)
    const groups = groupsFor(cpusOf(host), options)
    if (groups.length === 0)
      throw new UsageError(`kernbench on ${cpusOf(host)} CPUs: no group of runs is left to do`)
    const loads = [...new Set(groups.map((group) => busyCpus(group, cpusOf(host))))]
    for (const arm of new Set([...arms, reference]))
      for (const threads of loads) for (const seed of plan.seeds) engine.add(specOf(arm, threads, seed))
    return { host, arms, reference, groups }
  })
  await engine.run()
  const runsFor = (arm: Arm, group: Group) =>
    plan.seeds.map((seed) => engine.of(specOf(arm, busyCpus(group, cpusOf(arm.host)), seed)))
  const places = machines.map(({ host, arms, reference, groups }): KernbenchPlace => {
    const model = modelFor(cpusOf(host))
    const runs = runsOf(options, model.published?.runs)
    const columns = arms.map((arm): KernbenchColumn => {
      const costs = (group: Group): ArmCost => ({
        own: meanCost(runsFor(arm, group), arm.host),
        reference: meanCost(runsFor(reference, group), reference.host),
      })
      const all = runGroups(model, groups, runs, costs, options.fast, plan.seeds[0]!)
      return {
        name: columnName(arm),
        flush: arm.flush,
        free: arm.free,
        role:
          arm === reference && model.published !== undefined
            ? 'calibrated'
            : model.published
              ? 'predicted'
              : 'scaled',
        groups: accumulate(all),
        runs: all,
        engine: groups.map((group) => ({
          ...costs(group).own,
          more: {
            user: difference('user', runsFor(arm, group), arm, runsFor(reference, group), reference),
            system: difference('system', runsFor(arm, group), arm, runsFor(reference, group), reference),
          },
          events: eventMeans(runsFor(arm, group)),
        })),
      }
    })
    return {
      place: joined(placeName(host), arms[0]!.label),
      cpus: cpusOf(host),
      runs,
      fast: options.fast,
      model,
      mix: compileMix(),
      groups,
      columns,
    }
  })
  if (flags.perfetto !== undefined) {
    const { arms, groups } = machines[0]!
    writeOutput(flags.perfetto, '--perfetto', runsFor(arms[0]!, groups[0]!)[0]!.timeline ?? '')
  }
  if (flags.plot !== undefined) writeOutput(flags.plot, '--plot', kernbenchSvg(places))
  const text =
    flags.json === true
      ? JSON.stringify(document(places, plan), undefined, 2)
      : kernbenchReport(places, styleFor(process.stdout, flags.ascii === true ? { ascii: true } : {}))
  process.stdout.write(`${text}\n`)
  return 0
}

/** The thread's names for its two columns. */
function columnName({ flush, free, host }: Arm): string {
  if (!host.virtual && flush === 'native' && free === 'immediate') return 'CURRENT'
  if (!host.virtual && flush === 'native' && free === 'rcu') return 'HAVE_RCU_TABLE_FREE'
  return `${flush}, ${free}`
}

function meanCost(runs: readonly RunResult[], host: HostDescription): EngineCost {
  const costs = runs.map((run) => engineCost(run, host.vms * host.vcpus))
  const mean = (key: keyof EngineCost) => meanOf(costs.map((cost) => cost[key])).value
  return { user: mean('user'), system: mean('system'), slowdown: mean('slowdown') }
}

/** Nanoseconds for each fault that an arm takes more than the reference; runs with equal seeds are compared. */
function difference(
  key: 'user' | 'system',
  own: readonly RunResult[],
  arm: Arm,
  reference: readonly RunResult[],
  referenceArm: Arm,
): Interval {
  const cost = (run: RunResult, { host }: Arm) => engineCost(run, host.vms * host.vcpus)[key]
  return meanOf(own.map((run, i) => cost(run, arm) - cost(reference[i]!, referenceArm)))
}

/** Mean nanoseconds of what happens to address spaces, by name. */
function eventMeans(runs: readonly RunResult[]): Readonly<Record<string, number>> {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.events)))].sort()
  return Object.fromEntries(
    names.map((name) => [name, meanOf(runs.flatMap((run) => run.events[name]?.mean ?? [])).value]),
  )
}

function document(places: readonly KernbenchPlace[], plan: BenchPlan) {
  return {
    schema: 'shootdown-kernbench/1',
    seeds: plan.seeds,
    hosts: places.map(({ place, cpus, runs, model, groups, columns }) => ({
      place,
      cpus,
      published: model.published !== undefined,
      runs,
      model: {
        units: model.units,
        faults: model.faults,
        serialSeconds: model.serial,
        waitSeconds: model.wait,
        sliceFactor: model.sliceFactor,
      },
      loads: groups.map(({ load, jobs, title }) => ({
        load,
        jobs: Number.isFinite(jobs) ? jobs : null,
        title,
      })),
      columns,
    })),
  }
}
