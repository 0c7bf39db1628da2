/**
 * Progress of searches on stderr: one line that is redrawn on a terminal, otherwise a line every other second. It has a timer of its
 * own, so that it goes on while a worker says nothing.
 */
import type { Progress } from '../explore/verdict.ts'
import { Remaining } from './remaining.ts'
import { count, counted } from './verdict-text.ts'

/** Where progress goes: stderr, or a test's. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Milliseconds between two redrawings, and between two lines where nothing can be redrawn. */
const REDRAW_EVERY = 100
const LINE_EVERY = 1500
/** Runs that are over sooner show nothing. */
const QUIET_FOR = 300
const FIRST_LINE = 1000
const TICK = 250

const PHASES: Readonly<Record<Progress['phase'], string>> = {
  'warm-up': 'recording',
  search: 'searching',
  shortest: 'shortening',
  livelock: 'looking for a livelock',
}

function megabytes(bytes: number): string {
  return `${count(bytes / 1e6)} MB`
}

/** `searching: 1,234,567 states, 310,000/s, 42,000 to expand, 96 MB`. */
export function progressText(running: readonly Progress[]): string {
  const sum = (of: (progress: Progress) => number) => running.reduce((total, one) => total + of(one), 0)
  const [first] = running
  if (first === undefined) return 'loading'
  const states = sum((p) => p.states)
  // The first search goes through schedules at random, and keeps no states.
  if (states === 0) return PHASES[first.phase]
  const { unit } = first
  if (unit !== undefined) {
    return `${PHASES[first.phase]}: ${counted(states, unit)}, ${count(sum((p) => p.statesPerSecond))}/s`
  }
  const rate = count(sum((p) => p.statesPerSecond))
  const open = count(sum((p) => p.frontier))
  const memory = megabytes(sum((p) => p.bytes))
  const { round = 1, expected } = first
  const again = running.length === 1 && round > 1 ? `, round ${round}` : ''
  const more = running.length === 1 && first.repeats === true ? ', another round follows' : ''
  if (again !== '' && expected !== undefined && expected > states) {
    const share = Math.floor((states / expected) * 100)
    return `${PHASES[first.phase]}${again}: ${counted(states, 'state')}, ${rate}/s, about ${share} % of round ${round - 1}, ${memory}`
  }
  return `${PHASES[first.phase]}${again}: ${counted(states, 'state')}, ${rate}/s, ${open} to expand, ${memory}${more}`
}

function elapsedText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

export class ProgressReporter {
  private readonly stream: ProgressStream
  private readonly now: () => number
  private readonly total: number
  private readonly running = new Map<number, Progress>()
  private readonly remaining = new Map<number, Remaining>()
  private readonly startedAt: number
  private readonly timer: NodeJS.Timeout
  private done = 0
  private shownAt: number
  private drawn = false

  /** @param total - jobs; 0 where their number is not known */
  constructor(stream: ProgressStream, total: number, now: () => number = () => performance.now()) {
    this.stream = stream
    this.total = total
    this.now = now
    this.startedAt = now()
    this.shownAt = now() - LINE_EVERY
    this.timer = setInterval(() => this.show(), TICK).unref()
  }

  update(job: number, progress: Progress): void {
    const remaining = this.remaining.get(job) ?? new Remaining()
    this.remaining.set(job, remaining)
    remaining.note(this.now(), progress)
    this.running.set(job, progress)
    this.show()
  }

  finish(job: number): void {
    this.running.delete(job)
    this.remaining.delete(job)
    this.done += 1
    this.show()
  }

  /** Clears the line, so that what is printed next stands on a line of its own; nothing is shown after that. */
  clear(): void {
    clearInterval(this.timer)
    if (this.drawn) this.stream.write('\r\x1b[K')
    this.drawn = false
  }

  private show(): void {
    const terminal = this.stream.isTTY === true
    const now = this.now()
    if (
      now - this.startedAt < (terminal ? QUIET_FOR : FIRST_LINE) ||
      now - this.shownAt < (terminal ? REDRAW_EVERY : LINE_EVERY)
    )
      return
    this.shownAt = now
    const text = this.text(now)
    if (!terminal) {
      this.stream.write(`${text}\n`)
      return
    }
    this.drawn = true
    this.stream.write(`\r${text.slice(0, (this.stream.columns || 80) - 1)}\x1b[K`)
  }

  private text(now: number): string {
    const { total, done, running } = this
    const of = total === 0 ? `${done} done; ` : total > 1 ? `${done}/${total} checked; ` : ''
    // Only of a job that is alone can be said when all is over.
    const last = running.size === 1 && total <= done + 1
    const left = last ? [...this.remaining.values()][0]?.text : undefined
    return [
      of + progressText([...running.values()]),
      elapsedText(now - this.startedAt),
      ...(left === undefined ? [] : [left]),
    ].join(', ')
  }
}
