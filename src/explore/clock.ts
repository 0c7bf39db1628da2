/** Time, interruption and progress of one check: polled between states. */
import type { CheckOptions, Progress } from './verdict.ts'

const REPORT_EVERY_MS = 300

export class Clock {
  phase: Progress['phase'] = 'warm-up'
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
      onProgress({ phase: this.phase, states, statesPerSecond, frontier, bytes })
      this.reported = now
      this.statesThen = states
    }
    if (interrupted?.() === true) return 'interrupted'
    if (timeoutMs !== undefined && now - this.start > timeoutMs) return `no end within ${timeoutMs} ms`
    return undefined
  }
}
