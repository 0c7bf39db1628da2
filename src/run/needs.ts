/** `needs` over the pool of workers: a scenario as it is, each of its mutants, and a small set of sites that is enough. */
import { minimalSufficientSet } from '../explore/needs.ts'
import type { Progress } from '../explore/verdict.ts'
import { type NeedsReport, needAnswer, type SiteInfo } from '../report/needs-report.ts'
import type { CheckResult } from '../report/result.ts'
import type { Job, Runner } from './run.ts'

export interface NeedsOptions {
  /** Aborted with a reason: what has no answer by then is unknown. */
  readonly signal?: AbortSignal
  /** Searches are counted as they begin and end. */
  readonly onProgress?: (search: number, progress: Progress) => void
  readonly onResult?: (search: number) => void
  /** Look for a sufficient set too (default). */
  readonly sufficient?: boolean
}

/** Asks what a scenario needs. */
export async function runNeeds(runner: Runner, job: Job, options: NeedsOptions = {}): Promise<NeedsReport> {
  const { signal, onProgress, onResult } = options
  let searches = 0
  const run = async (without: readonly (readonly string[])[], shortest: boolean) => {
    const jobs = without.map((sites) => ({ ...job, limits: { ...job.limits, shortest, without: sites } }))
    const first = searches
    searches += jobs.length
    return runner.run(jobs, {
      ...(signal && { signal }),
      ...(onProgress && { onProgress: (i, progress) => onProgress(first + i, progress) }),
      ...(onResult && { onResult: (i) => onResult(first + i) }),
    })
  }
  const shortest = job.limits.shortest ?? true
  const [base] = (await run([[]], shortest)) as readonly [CheckResult]
  if (base.verdict.verdict !== 'safe') return { base, complete: false, sites: [] }
  const found = await runner.sites(job, signal === undefined ? {} : { signal })
  const results = await run(
    found.sites.map(({ site }) => [site]),
    shortest,
  )
  const sites = found.sites.map((site, i) => {
    const without = results[i] as CheckResult
    return { ...site, answer: needAnswer(without), without }
  })
  const report = { base, complete: found.complete, sites }
  if (options.sufficient === false) return report
  const isSafe = async (without: readonly string[]) => {
    const [result] = (await run([without], false)) as readonly [CheckResult]
    return result.verdict.verdict === 'safe'
  }
  const sufficient = await minimalSufficientSet<SiteInfo>(sites, isSafe)
  return signal?.aborted === true ? report : { ...report, sufficient: sufficient.map(({ site }) => site) }
}
