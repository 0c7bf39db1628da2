/** The runs of a plan, on all cores, with a progress bar. */
import { runAll } from '../simulate/pool.ts'
import type { RunResult, RunSpec } from '../simulate/run.ts'
import type { BenchPlan } from './bench-options.ts'
import { shareProgress } from './share-progress.ts'

/** Results by arm, then by seed. */
export async function runArms(workload: string, plan: BenchPlan, perfetto: boolean): Promise<RunResult[][]> {
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
