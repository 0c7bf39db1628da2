/** Time, interruption and progress of one check: polled between states. */
import type { CheckOptions, Progress } from './verdict.ts'

const REPORT_EVERY_MS = 300

export class Clock {
  phase: Progress['phase'] = 'warm-up'
  /** What is counted, where it is not states. */
  unit: Progress['unit']
  /** Of the search: it starts again when it has learned what it should have known from the start. */
  round = 1
  /** A mask has grown in this round: another one follows. */
  repeats = false
  /** States of the round before, if that went to its end. */
  expected: number | undefined
  private readonly start = performance.now()
  private readonly options: CheckOptions
  private reported = this.start
  private statesThen = 0

  constructor(options: CheckOptions) {
    this.options = options
  }

  get milliseconds(): number {
    return performance.now() - this.start
  }

  /** Reports progress when it is time; gives a reason to stop, if there is one. */
  poll(states: number, frontier: number, bytes: number): string | undefined {
    const { timeoutMs, interrupted, onProgress } = this.options
    const now = performance.now()
    if (onProgress !== undefined && now - this.reported >= REPORT_EVERY_MS) {
      const found = Math.max(0, states - this.statesThen)
      const statesPerSecond = Math.round((found * 1000) / (now - this.reported))
      const { phase, round, repeats, expected, unit } = this
      const ofRound = { round, repeats, ...(expected !== undefined && { expected }) }
      const known = unit === undefined ? ofRound : { unit }
      const search = phase === 'search' ? known : {}
      onProgress({ phase, states, statesPerSecond, frontier, bytes, ...search })
      this.reported = now
      this.statesThen = states
    }
    if (interrupted?.() === true) return 'interrupted'
    if (timeoutMs !== undefined && now - this.start > timeoutMs) return `no end within ${timeoutMs} ms`
    return undefined
  }
}
