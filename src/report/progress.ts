/** Progress of searches on stderr: one line that is redrawn on a terminal, otherwise a line now and then. */
import type { Progress } from '../explore/verdict.ts'
import { count } from './verdict-text.ts'

/** Where progress goes: stderr, or a test's. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Milliseconds between two redrawings, and between two lines where nothing can be redrawn. */
const REDRAW_EVERY = 100
const LINE_EVERY = 10_000
/** Runs that are over sooner show nothing. */
const QUIET_FOR = 300

const PHASES: Readonly<Record<Progress['phase'], string>> = {
  'warm-up': 'recording',
  search: 'searching',
  shortest: 'shortening',
  livelock: 'looking for a livelock',
}

function megabytes(bytes: number): string {
  return `${count(bytes / 1e6)} MB`
}

/** `searching: 1,234,567 states, 310,000/s, frontier 42,000, 96 MB`. */
export function progressText(running: readonly Progress[]): string {
  const sum = (of: (progress: Progress) => number) => running.reduce((total, one) => total + of(one), 0)
  if (running[0] === undefined) return 'loading'
  const phase = PHASES[running[0].phase]
  const states = count(sum((p) => p.states))
  const rate = count(sum((p) => p.statesPerSecond))
  const frontier = count(sum((p) => p.frontier))
  return `${phase}: ${states} states, ${rate}/s, frontier ${frontier}, ${megabytes(sum((p) => p.bytes))}`
}

export class ProgressReporter {
  private readonly stream: ProgressStream
  private readonly now: () => number
  private readonly total: number
  private readonly running = new Map<number, Progress>()
  private readonly startedAt: number
  private done = 0
  private shownAt: number
  private drawn = false

  constructor(stream: ProgressStream, total: number, now: () => number = () => performance.now()) {
    this.stream = stream
    this.total = total
    this.now = now
    this.startedAt = now()
    this.shownAt = now()
  }

  update(job: number, progress: Progress): void {
    this.running.set(job, progress)
    this.show()
  }

  finish(job: number): void {
    this.running.delete(job)
    this.done += 1
    this.show()
  }

  /** Clears the line, so that what is printed next stands on a line of its own. */
  clear(): void {
    if (this.drawn) this.stream.write('\r\x1b[K')
    this.drawn = false
  }

  private show(): void {
    const terminal = this.stream.isTTY === true
    const now = this.now()
    if (now - this.startedAt < QUIET_FOR || now - this.shownAt < (terminal ? REDRAW_EVERY : LINE_EVERY))
      return
    this.shownAt = now
    const cells = this.total > 1 ? `${this.done}/${this.total} checked; ` : ''
    const text = cells + progressText([...this.running.values()])
    if (!terminal) {
      this.stream.write(`${text}\n`)
      return
    }
    this.drawn = true
    this.stream.write(`\r${text.slice(0, (this.stream.columns ?? 80) - 1)}\x1b[K`)
  }
}
