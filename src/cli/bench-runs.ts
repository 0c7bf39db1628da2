/** Runs on all cores, with a progress bar. */
import { runAll } from '../simulate/pool.ts'
import type { RunResult, RunSpec } from '../simulate/run.ts'
import type { BenchPlan } from './bench-options.ts'
import { shareProgress } from './share-progress.ts'

/** Results in the order of their specifications. */
export async function runSpecs(what: string, specs: readonly RunSpec[]): Promise<RunResult[]> {
  const progress = shareProgress(
    process.stderr,
    `${what}, ${specs.length} run${specs.length === 1 ? '' : 's'}`,
  )
  try {
    return await runAll(specs, { onProgress: progress.update })
  } finally {
    progress.clear()
  }
}

/** The runs of a plan, by arm, then by seed. */
export async function runArms(workload: string, plan: BenchPlan, perfetto: boolean): Promise<RunResult[][]> {
  const specs = plan.arms.flatMap(({ flush, free, host, knobs }, a) =>
    plan.seeds.map(
      (seed, s): RunSpec => ({
        workload,
        flush,
        free,
        host,
        knobs,
        profile: plan.profile,
        seed,
        ...(plan.milliseconds !== undefined && { milliseconds: plan.milliseconds }),
        ...(perfetto && a === 0 && s === 0 && { perfetto: true }),
      }),
    ),
  )
  const results = await runSpecs(workload, specs)
  return plan.arms.map((_, i) => results.slice(i * plan.seeds.length, (i + 1) * plan.seeds.length))
}
