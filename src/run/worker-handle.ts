/**
 * One worker thread as the main thread sees it: a request at a time, progress while it runs, and a watch over guest code
 * that never comes back (EXPLORER 14): what does not yield cannot be asked to stop.
 */
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { GuestProgramError, InternalError, type ShootdownError } from '../core/errors.ts'
import type { Progress, SearchCounts, Verdict } from '../explore/verdict.ts'
import { errorFrom, shownPath } from './blame.ts'
import { type Phase, type Reply, type Request, SHARED, type WorkerData } from './protocol.ts'
import type { StackFrame } from './stack-samples.ts'

/** How often the main thread looks whether a worker is alive, in milliseconds. */
const LOOK_EVERY = 250

export interface WatchOptions {
  /** After so long without a sign of life the guest is said not to yield. */
  readonly stuckMs: number
  /** How long a worker that has been asked to stop may take, before it is ended. */
  readonly graceMs: number
}

export const DEFAULT_WATCH: WatchOptions = { stuckMs: 10_000, graceMs: 3_000 }

/** How a request ended. */
export type Outcome =
  | Exclude<Reply, { readonly type: 'phase' | 'progress' | 'failed' }>
  | { readonly type: 'failed'; readonly error: ShootdownError }
  /** The worker had to be ended, or ended by itself; `verdict` is what can still be said. */
  | { readonly type: 'ended'; readonly verdict: Verdict }

/** The source tree runs `.ts`, the package `.js`: the worker has the ending of this file. */
function workerUrl(): URL {
  return new URL(`./worker-entry${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

/** What is known of a search that had to be ended. */
function countsOf(progress: Progress | undefined, startedAt: number): SearchCounts {
  const states = progress?.states ?? 0
  return {
    states,
    transitions: 0,
    nodes: 0,
    rounds: 0,
    milliseconds: Math.round(performance.now() - startedAt),
    bytesPerState: states === 0 ? 0 : Math.round((progress?.bytes ?? 0) / states),
  }
}

/** Who listens to the worker while a request runs. */
interface Listener {
  onReply(reply: Reply): void
  onEnd(why: 'out of memory' | Error): void
}

export class WorkerHandle {
  private readonly shared = new Int32Array(new SharedArrayBuffer(4 * SHARED.words))
  private readonly watch: WatchOptions
  private readonly worker: Worker
  private listener: Listener | undefined
  private dead = false

  constructor(watch: WatchOptions = DEFAULT_WATCH, idle = new Int32Array(new SharedArrayBuffer(4))) {
    this.watch = watch
    const data: WorkerData = { shared: this.shared.buffer as SharedArrayBuffer, idle }
    this.worker = new Worker(workerUrl(), { workerData: data, name: 'shootdown' })
    this.worker.on('message', (reply: Reply) => this.listener?.onReply(reply))
    this.worker.on('error', (error: Error & { code?: string }) => {
      this.ended(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out of memory' : error)
    })
    this.worker.on('exit', (code) => this.ended(new Error(`a worker thread ended by itself, status ${code}`)))
  }

  private ended(why: 'out of memory' | Error): void {
    this.dead = true
    this.listener?.onEnd(why)
  }

  /** False once the thread has ended: it takes no more requests. */
  get alive(): boolean {
    return !this.dead
  }

  /** Asks a running search to stop and to say what it knows. */
  stop(): void {
    Atomics.store(this.shared, SHARED.stop, 1)
  }

  async close(): Promise<void> {
    this.dead = true
    this.listener = undefined
    await this.worker.terminate()
  }

  /** Runs one request. Never rejects: errors of every kind are outcomes. */
  request(request: Request, onProgress?: (progress: Progress) => void): Promise<Outcome> {
    const startedAt = performance.now()
    let phase: Phase = 'load'
    let latest: Progress | undefined
    return new Promise((resolve) => {
      const finish = (outcome: Outcome) => {
        clearInterval(timer)
        this.listener = undefined
        resolve(outcome)
      }
      const end = (outcome: Outcome) => {
        finish(outcome)
        void this.close()
      }
      const timer = this.lookAfter({
        stuck: async () => {
          const outcome = await this.stuckOutcome(request, phase, () => countsOf(latest, startedAt))
          if (outcome !== undefined && this.listener !== undefined) end(outcome)
        },
        unresponsive: () => end(inconclusive('stopped', countsOf(latest, startedAt))),
      })
      this.listener = {
        onReply: (reply) => {
          if (reply.type === 'phase') phase = reply.phase
          else if (reply.type === 'progress') {
            latest = reply.progress
            onProgress?.(reply.progress)
          } else if (reply.type === 'failed') finish({ type: 'failed', error: errorFrom(reply.error) })
          else finish(reply)
        },
        onEnd: (why) => {
          if (why === 'out of memory') finish(inconclusive('memory ran out', countsOf(latest, startedAt)))
          else finish({ type: 'failed', error: new InternalError(why.message) })
        },
      }
      this.worker.postMessage(request)
    })
  }

  /** Looks at the worker's beat. Counts looks, not the clock, so that a laptop that slept is no stuck guest. */
  private lookAfter(report: {
    readonly stuck: () => void
    readonly unresponsive: () => void
  }): NodeJS.Timeout {
    let beat = -1
    let still = 0
    let stopping = 0
    return setInterval(() => {
      const now = Atomics.load(this.shared, SHARED.beat)
      still = now === beat ? still + LOOK_EVERY : 0
      beat = now
      if (Atomics.load(this.shared, SHARED.stop) !== 0) stopping += LOOK_EVERY
      if (stopping >= this.watch.graceMs) report.unresponsive()
      else if (still >= this.watch.stuckMs) {
        // Asked again only after as long a silence: the search itself may be busy.
        still = 0
        void report.stuck()
      }
    }, LOOK_EVERY)
  }

  /** What to say of a worker that gives no sign of life; undefined when no guest code is to blame. */
  private async stuckOutcome(
    request: Request,
    phase: Phase,
    counts: () => SearchCounts,
  ): Promise<Outcome | undefined> {
    const { endlessGuestFrame, innermostFrame, sampleStacks } = await import('./stack-samples.ts')
    const samples = await sampleStacks(this.worker.threadId)
    const seconds = this.watch.stuckMs / 1000
    const name = request.type === 'describe' ? request.targets.join(', ') : request.job.scenario.name
    if (phase !== 'search') {
      const where = placeOf(innermostFrame(samples))
      const what = phase === 'build' ? `build() of scenario ${name}` : `loading ${name}`
      const message = `${where.before}${what} has not come back within ${seconds} s`
      return { type: 'failed', error: new GuestProgramError('guest-invalid', message) }
    }
    const guest = endlessGuestFrame(samples)
    if (guest === undefined) return undefined
    const { before } = placeOf(guest)
    const message = `${before}${guest.name} runs without yielding an operation: no end within ${seconds} s`
    const violation = { property: 'progress', message, cells: [] } as const
    const trail = { steps: [], violation, length: 'minimal', switches: 0 } as const
    const verdict = { verdict: 'unsafe', property: 'progress', trail, counts: counts(), bounds: [] } as const
    return { type: 'ended', verdict }
  }
}

/** `my.ts:12: `, or nothing where the place is not known. */
function placeOf(frame: StackFrame | undefined): { readonly before: string } {
  if (frame === undefined) return { before: '' }
  const path = frame.file.startsWith('file:') ? fileURLToPath(frame.file) : frame.file
  return { before: `${shownPath(path)}:${frame.line}: ` }
}

function inconclusive(reason: string, counts: SearchCounts): Outcome {
  return { type: 'ended', verdict: { verdict: 'inconclusive', reason, counts, bounds: [] } }
}
