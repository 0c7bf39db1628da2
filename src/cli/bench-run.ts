/** Runs `shootdown bench` and prints what came of it. */
import { writeFileSync } from 'node:fs'
import { benchSvg } from '../report/bench-plot.ts'
import { type BenchArm, benchTables, kernbenchText } from '../report/bench-text.ts'
import { styleFor } from '../report/style.ts'
import { isFileName } from '../run/scenario-file.ts'
import { costPerFault, hostFor, kernbench, LOADS } from '../simulate/kernbench.ts'
import { runAll } from '../simulate/pool.ts'
import type { RunResult, RunSpec } from '../simulate/run.ts'
import { meanOf, ratioOf } from '../simulate/statistics.ts'
import { workload as workloadOf } from '../simulate/workloads/registry.ts'
import { type Arm, type BenchFlags, type BenchPlan, benchPlan, placeName } from './bench-options.ts'
import { shareProgress } from './share-progress.ts'

export async function runBench(workload: string, flags: BenchFlags): Promise<number> {
  const plan = benchPlan(flags)
  if (isFileName(workload)) {
    const { benchScenarios } = await import('./bench-scenario.ts')
    return await benchScenarios(workload, plan, flags)
  }
  if (workload === 'kernbench') return await benchKernbench(plan, flags)
  const { unit, title } = workloadOf(workload)
  const results = await runArms(workload, plan, flags.perfetto !== undefined)
  const arms = plan.arms.map((arm, i) => summarize(arm, results[i]!, referenceOf(plan, results, i)))
  if (flags.perfetto !== undefined) writeFileSync(flags.perfetto, results[0]![0]!.timeline ?? '')
  if (flags.plot !== undefined)
    writeFileSync(flags.plot, benchSvg({ title: `${workload}: ${title}`, unit, arms }))
  if (flags.json === true) print(JSON.stringify(document(workload, plan, arms, results), undefined, 2))
  else print(benchTables(arms, unit, styleFor(process.stdout, flags.ascii === true ? { ascii: true } : {})))
  return 0
}

/** Results by arm, then by seed. */
async function runArms(workload: string, plan: BenchPlan, perfetto: boolean): Promise<RunResult[][]> {
  const specs = plan.arms.flatMap((arm, a) =>
    plan.seeds.map(
      (seed, s): RunSpec => ({
        workload,
        ...arm,
        profile: plan.profile,
        seed,
        ...(plan.milliseconds !== undefined && { milliseconds: plan.milliseconds }),
        ...(perfetto && a === 0 && s === 0 && { perfetto: true }),
      }),
    ),
  )
  const progress = shareProgress(process.stderr, `${workload}, ${specs.length} runs`)
  try {
    const results = await runAll(specs, { onProgress: progress.update })
    return plan.arms.map((_, i) => results.slice(i * plan.seeds.length, (i + 1) * plan.seeds.length))
  } finally {
    progress.clear()
  }
}

/** The first arm on the same machine. */
function referenceOf(plan: BenchPlan, results: readonly RunResult[][], i: number): readonly RunResult[] {
  return results[plan.arms.findIndex((arm) => arm.host === plan.arms[i]!.host)]!
}

function summarize(arm: Arm, runs: readonly RunResult[], reference: readonly RunResult[]): BenchArm {
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
  const bad = runs.find((run) => run.violation !== undefined)?.violation
  return {
    name: `${arm.flush}, ${arm.free}`,
    where: placeName(arm.host),
    rate: meanOf(rates),
    ratio: ratioOf(
      rates,
      reference.map((run) => run.rate),
    ),
    flush: latency('flush'),
    operation: latency('operation'),
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
    violations: runs.reduce((sum, run) => sum + run.violations, 0),
    ...(bad !== undefined && { violation: bad }),
  }
}

function document(
  workload: string,
  plan: BenchPlan,
  arms: readonly BenchArm[],
  results: readonly RunResult[][],
) {
  return {
    schema: 'shootdown-bench/1',
    workload,
    seeds: plan.seeds,
    arms: arms.map((arm, i) => ({
      ...arm,
      flushBackend: plan.arms[i]!.flush,
      free: plan.arms[i]!.free,
      machine: plan.arms[i]!.host,
      knobs: plan.arms[i]!.knobs,
      runs: results[i]!.map(({ timeline: _, ...run }) => run),
    })),
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

// kernbench ------------------------------------------------------------------------------------------------------------

const COLUMN_NAMES: Readonly<Record<string, string>> = {
  'native, immediate': 'CURRENT',
  'native, rcu': 'HAVE_RCU_TABLE_FREE',
}

/** kernbench's tables: the first arm is the column that the model is calibrated on. */
async function benchKernbench(plan: BenchPlan, flags: BenchFlags): Promise<number> {
  const results = await runArms('compile', plan, flags.perfetto !== undefined)
  const parts: string[] = []
  const documents: unknown[] = []
  for (const place of [...new Set(plan.arms.map((arm) => arm.host))]) {
    const numbers = plan.arms.map((_, i) => i).filter((i) => plan.arms[i]!.host === place)
    const { host, published } = hostFor(place.virtual ? place.vcpus : place.pcpus)
    const cost = (i: number) => {
      const all = results[i]!.map((run) => costPerFault(run, place.vms * place.vcpus))
      return {
        user: meanOf(all.map(({ user }) => user)).value,
        system: meanOf(all.map(({ system }) => system)).value,
      }
    }
    const first = cost(numbers[0]!)
    const columns = numbers.map((i) => {
      const own = cost(i)
      const factors = { user: own.user / first.user, system: own.system / first.system }
      const name = `${plan.arms[i]!.flush}, ${plan.arms[i]!.free}`
      const groups = kernbench(host, factors, host.runs, plan.seeds[0]! + i)
      return { name: COLUMN_NAMES[name] ?? name, groups, factors }
    })
    parts.push(`${host.cpus}-CPU host${published ? '' : ' (scaled from the nearer host of the thread)'}:`)
    for (const [g, load] of LOADS.entries()) {
      const title = `${load === 'half' ? 'Half' : 'Optimal'} load -j ${host.jobs[load]}`
      parts.push(
        kernbenchText(
          title,
          columns.map(({ name, groups }) => ({ name, group: groups[g]! })),
        ),
      )
    }
    if (published && numbers.length > 1) parts.push(comparison(host, columns))
    documents.push({ cpus: host.cpus, published, columns })
  }
  parts.push(NOTE)
  if (flags.json === true)
    print(JSON.stringify({ schema: 'shootdown-kernbench/1', hosts: documents }, undefined, 2))
  else print(parts.join('\n\n'))
  return 0
}

const NOTE = `kernbench resets only the elapsed time between its groups: the other figures of "Optimal" are averages over both
groups together, which is where deviations like (136.974) and (379...) in such tables come from. The first column is
what the model is calibrated on; the others are predicted from what the engine says a fault's worth of work costs.`

type Columns = readonly {
  readonly name: string
  readonly groups: ReturnType<typeof kernbench>
  readonly factors: { readonly user: number; readonly system: number }
}[]

/** The thread's differences beside the simulated ones. */
function comparison(host: ReturnType<typeof hostFor>['host'], columns: Columns): string {
  const [first, second] = columns
  const percent = (a: number, b: number) => `${(100 * (b / a - 1)).toFixed(2)} %`
  const lines = LOADS.flatMap((load, g) =>
    (['elapsed', 'user', 'system'] as const).map((figure) => {
      const measured = percent(host.current[load][figure].mean, host.rcu[load][figure].mean)
      const simulated = percent(first!.groups[g]![figure].mean, second!.groups[g]![figure].mean)
      return `  ${load.padEnd(8)} ${figure.padEnd(8)} ${measured.padStart(9)} ${simulated.padStart(11)}`
    }),
  )
  const exact = `  without run-to-run noise: user ${percent(1, second!.factors.user)}, system ${percent(1, second!.factors.system)}`
  return [
    `${second!.name} against ${first!.name}`,
    '                     thread   simulator',
    ...lines,
    exact,
  ].join('\n')
}
