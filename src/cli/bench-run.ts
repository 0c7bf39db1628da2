/** Runs `shootdown bench` and prints what came of it. */
import { UsageError } from '../core/errors.ts'
import { benchSvg } from '../report/bench-plot.ts'
import { type BenchArm, benchTables } from '../report/bench-text.ts'
import { styleFor } from '../report/style.ts'
import { isFileName } from '../run/scenario-file.ts'
import type { RunResult } from '../simulate/run.ts'
import { flagOf } from '../simulate/setting-names.ts'
import { workload as workloadOf } from '../simulate/workloads/registry.ts'
import { GUEST_KNOBS } from '../simulate/workloads/workload.ts'
import { benchKernbench } from './bench-kernbench.ts'
import { type BenchFlags, type BenchPlan, benchPlan, knobsGiven } from './bench-options.ts'
import { runArms } from './bench-runs.ts'
import { referenceOf, summarize } from './bench-summary.ts'
import { refuseUnwritable, writeOutput } from './output-file.ts'

export async function runBench(workload: string, flags: BenchFlags): Promise<number> {
  const plan = benchPlan(flags)
  refuseUnwritable(flags.plot, '--plot')
  refuseUnwritable(flags.perfetto, '--perfetto')
  if (workload !== 'kernbench') refuseKernbenchOptions(workload, flags)
  if (isFileName(workload)) {
    refuseForFile(workload, flags)
    const { benchScenarios } = await import('./bench-scenario.ts')
    return await benchScenarios(workload, plan, flags)
  }
  if (workload === 'kernbench') return await benchKernbench(plan, flags)
  const { unit, title } = workloadOf(workload)
  refuseUnused(workload, flags)
  const results = await runArms(workload, plan, flags.perfetto !== undefined)
  const arms = plan.arms.map((arm, i) => summarize(arm, results[i]!, referenceOf(plan, results, i)))
  if (flags.perfetto !== undefined) writeOutput(flags.perfetto, '--perfetto', results[0]![0]!.timeline ?? '')
  if (flags.plot !== undefined)
    writeOutput(
      flags.plot,
      '--plot',
      benchSvg({ title: title.startsWith(workload) ? title : `${workload}: ${title}`, unit, arms }),
    )
  if (flags.json === true) print(JSON.stringify(document(workload, plan, arms, results), undefined, 2))
  else print(benchTables(arms, unit, styleFor(process.stdout, flags.ascii === true ? { ascii: true } : {})))
  return 0
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

/** kernbench's options would silently change nothing elsewhere: that is a mistake. */
function refuseKernbenchOptions(workload: string, flags: BenchFlags): void {
  const given = ['n', 'o', 'f', 's', 'H', 'O', 'M'].find((option) => flags[option] !== undefined)
  if (given !== undefined)
    throw new UsageError(`-${given} is kernbench's, and changes nothing in ${workload}`)
}

/** A scenario runs from its begin to its end, on as many pCPUs as it has CPUs: it has no rate to plot, and no knobs. */
function refuseForFile(file: string, flags: BenchFlags): void {
  const [knob] = knobsGiven(flags)
  const other =
    knob ?? ['ms', 'plot', 'perfetto', 'hogs', 'vms', 'vcpus'].find((name) => flags[name] !== undefined)
  if (other !== undefined)
    throw new UsageError(`${flagOf(other)} changes nothing in ${file}: a scenario is run as it is written`)
}

/** So would a setting that a workload takes no notice of. In a machine's file it may stand for others. */
function refuseUnused(workload: string, flags: BenchFlags): void {
  const used = [...workloadOf(workload).uses, ...GUEST_KNOBS]
  const other = knobsGiven(flags).find((knob) => !used.includes(knob))
  if (other === undefined) return
  const takes = used.map(flagOf).join(', ')
  throw new UsageError(`${flagOf(other)} changes nothing in ${workload}, which takes ${takes}`)
}
