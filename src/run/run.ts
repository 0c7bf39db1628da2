/** Runs checks on a pool of worker threads; the same jobs give the same results, in the order of the jobs. */
import { availableParallelism } from 'node:os'
import type { Progress, Verdict } from '../explore/verdict.ts'
import type { FoundSites } from '../report/needs-report.ts'
import type { CheckResult } from '../report/result.ts'
import type { TraceResult } from '../report/traces.ts'
import type { CheckJob, Description, ScenarioInfo } from './protocol.ts'
import { DEFAULT_WATCH, type Outcome, type WatchOptions, WorkerHandle } from './worker-handle.ts'

/** Memory is what a search needs most: more workers than this do not share one machine well. */
const MOST_WORKERS = 4

/** A check to run: what the worker needs, and what a result needs if there is no answer from the worker. */
export interface Job extends CheckJob {
  readonly info: ScenarioInfo
}

export interface RunOptions {
  /** Threads in all: for jobs side by side, and to help with large searches; as many as there are cores by default. */
  readonly workers?: number
  readonly watch?: WatchOptions
  /** Wall time of all the jobs together. */
  readonly timeoutMs?: number
  /** Aborted: searches that run stop, the others do not start; the abort's reason (a string) is the verdict's. */
  readonly signal?: AbortSignal
  readonly onStart?: (job: number) => void
  readonly onProgress?: (job: number, progress: Progress) => void
  readonly onResult?: (job: number, result: CheckResult) => void
}

const NO_COUNTS = { states: 0, transitions: 0, nodes: 0, rounds: 0, milliseconds: 0, bytesPerState: 0 }

const NO_TRACES = {
  complete: 0,
  blocked: 0,
  halted: 0,
  sleepSetBlocked: 0,
  events: 0,
  violations: [],
  milliseconds: 0,
} as const

/** Why a search had to be ended from outside. */
function reasonOf(verdict: Verdict): string {
  return verdict.verdict === 'unsafe'
    ? verdict.trail.violation.message
    : verdict.verdict === 'inconclusive'
      ? verdict.reason
      : 'it was ended'
}

/** A handful of workers that describe and check scenarios. `close` it when done, or the process does not end. */
export class Runner {
  private readonly watch: WatchOptions
  private readonly idle: WorkerHandle[] = []
  private readonly busy = new Set<WorkerHandle>()
  /** How many threads may help with large searches, beside the workers. */
  private readonly idleCores = new Int32Array(new SharedArrayBuffer(4))

  constructor(watch: WatchOptions = DEFAULT_WATCH) {
    this.watch = watch
    // The first worker starts at once: it loads the machine while the caller still reads its arguments.
    this.idle.push(new WorkerHandle(watch, this.idleCores))
  }

  /** What scenario names and files stand for. Throws what is wrong with them. */
  async describe(targets: readonly string[], otherNames: readonly string[] = []): Promise<Description> {
    const request = { type: 'describe', targets, otherNames } as const
    const outcome = await this.withWorker((worker) => worker.request(request))
    if (outcome.type === 'described') return outcome.description
    throw outcome.type === 'failed' ? outcome.error : new Error('no description')
  }

  /** What can be left out of a scenario; of a search that had to be ended, nothing is known. */
  async sites(
    { info: _, ...job }: Job,
    options: Pick<RunOptions, 'signal' | 'onProgress'> = {},
  ): Promise<FoundSites> {
    const why = stopReason(options, () => {
      for (const worker of this.busy) worker.stop()
    })
    try {
      const outcome = await this.withWorker((worker) =>
        worker.request({ type: 'sites', job }, (progress) => options.onProgress?.(0, progress)),
      )
      if (outcome.type === 'failed') throw outcome.error
      return outcome.type === 'sites' ? outcome.found : { sites: [], complete: false }
    } finally {
      why.clear()
    }
  }

  /** Runs jobs. Rejects with the first error of a scenario or of ours; verdicts of every kind are results. */
  async run(jobs: readonly Job[], options: RunOptions = {}): Promise<readonly CheckResult[]> {
    const results = new Array<CheckResult>(jobs.length)
    const why = stopReason(options, () => {
      for (const worker of this.busy) worker.stop()
    })
    let next = 0
    const takeJobs = async (): Promise<void> => {
      while (next < jobs.length) {
        const index = next++
        const job = jobs[index] as Job
        options.onStart?.(index)
        const result = await this.check(job, why.now, (progress) => options.onProgress?.(index, progress))
        results[index] = result
        options.onResult?.(index, result)
      }
      // Whoever is still searching may use the core.
      Atomics.add(this.idleCores, 0, 1)
    }
    const threads = options.workers ?? availableParallelism()
    const count = Math.max(1, Math.min(threads, MOST_WORKERS, jobs.length))
    Atomics.store(this.idleCores, 0, Math.max(0, threads - count))
    try {
      await Promise.all(Array.from({ length: count }, takeJobs))
    } finally {
      why.clear()
    }
    return results
  }

  /** Counts traces, one job after the other. */
  async countTraces(jobs: readonly Job[], options: RunOptions = {}): Promise<readonly TraceResult[]> {
    const results: TraceResult[] = []
    const why = stopReason(options, () => {
      for (const worker of this.busy) worker.stop()
    })
    try {
      for (const [index, { info, ...job }] of jobs.entries()) {
        const { name: scenario, title, uses, file } = info
        const what = { scenario, title, ...(file !== undefined && { file }), options: job.options, uses }
        const before = why.now()
        const outcome =
          before === undefined
            ? await this.withWorker((worker) =>
                worker.request({ type: 'traces', job }, (progress) => options.onProgress?.(index, progress)),
              )
            : undefined
        if (outcome?.type === 'failed') throw outcome.error
        if (outcome?.type === 'traces') {
          const { reason } = outcome.result
          results.push({ ...outcome.result, ...(reason !== undefined && { reason: why.now() ?? reason }) })
        } else {
          const ended = outcome?.type === 'ended' ? reasonOf(outcome.verdict) : `${before}; not started`
          results.push({ ...what, ...NO_TRACES, reason: why.now() ?? ended })
        }
      }
    } finally {
      why.clear()
    }
    return results
  }

  async close(): Promise<void> {
    await Promise.all([...this.idle, ...this.busy].map((worker) => worker.close()))
  }

  private async withWorker(use: (worker: WorkerHandle) => Promise<Outcome>): Promise<Outcome> {
    const worker = this.idle.pop() ?? new WorkerHandle(this.watch, this.idleCores)
    this.busy.add(worker)
    const outcome = await use(worker)
    this.busy.delete(worker)
    if (worker.alive) this.idle.push(worker)
    return outcome
  }

  private async check(
    { info, ...job }: Job,
    why: () => string | undefined,
    onProgress: (progress: Progress) => void,
  ): Promise<CheckResult> {
    const result = (verdict: Verdict): CheckResult => ({
      scenario: info.name,
      title: info.title,
      ...(info.file === undefined ? {} : { file: info.file }),
      options: job.options,
      uses: info.uses,
      verdict,
      initialFacts: [],
    })
    const before = why()
    if (before !== undefined) {
      return result({
        verdict: 'inconclusive',
        reason: `${before}; not started`,
        counts: NO_COUNTS,
        bounds: [],
      })
    }
    const outcome = await this.withWorker((worker) => worker.request({ type: 'check', job }, onProgress))
    switch (outcome.type) {
      case 'failed':
        throw outcome.error
      case 'checked':
        return { ...outcome.result, verdict: explained(outcome.result.verdict, why()) }
      case 'ended':
        return result(explained(outcome.verdict, why()))
      case 'described':
      case 'traces':
      case 'sites':
        throw new Error(`${outcome.type} for a check`)
    }
  }
}

/** The engine only knows that it was stopped; why is known here. */
function explained(verdict: Verdict, why: string | undefined): Verdict {
  if (verdict.verdict !== 'inconclusive' || why === undefined) return verdict
  return { ...verdict, reason: why }
}

/** Watches the clock and the caller's signal; `now` says why to stop, once there is a reason. */
function stopReason(options: RunOptions, stop: () => void) {
  let reason: string | undefined
  const because = (text: string) => {
    reason ??= text
    stop()
  }
  const { signal, timeoutMs } = options
  const onAbort = () => because(typeof signal?.reason === 'string' ? signal.reason : 'stopped')
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => because(`the time limit of ${timeoutMs / 1000} s was reached`), timeoutMs)
  return {
    now: () => reason,
    clear: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    },
  }
}
