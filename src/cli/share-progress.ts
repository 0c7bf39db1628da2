/**
 * A progress bar on stderr for work whose share done is known: redrawn on a terminal, a line now and then elsewhere. A clock
 * runs on it, so that it never looks stuck where a step takes long.
 */
import type { ProgressStream } from '../report/progress.ts'

const WIDTH = 30
const QUIET_FOR = 500
const REDRAW_EVERY = 100
const CLOCK_EVERY = 1000
const LINE_EVERY = 15_000

export interface ShareProgress {
  readonly update: (share: number) => void
  readonly clear: () => void
}

export function shareProgress(
  stream: ProgressStream,
  what: string,
  now: () => number = () => performance.now(),
): ShareProgress {
  const begun = now()
  const terminal = stream.isTTY === true
  let shown = begun
  let drawn = false
  let share = 0
  const show = () => {
    const at = now()
    if (at - begun < QUIET_FOR || at - shown < (terminal ? REDRAW_EVERY : LINE_EVERY)) return
    shown = at
    const text = `${what}: ${(100 * share).toFixed(0)} %, ${timeText(share, at - begun)}`
    if (!terminal) {
      stream.write(`${text}\n`)
      return
    }
    drawn = true
    const full = Math.round(share * WIDTH)
    const line = `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${text}`
    stream.write(`\r${line.slice(0, (stream.columns ?? 80) - 1)}\x1b[K`)
  }
  const clock = setInterval(show, CLOCK_EVERY)
  clock.unref()
  return {
    update(done) {
      share = done
      show()
    },
    clear() {
      clearInterval(clock)
      if (drawn) stream.write('\r\x1b[K')
      drawn = false
    },
  }
}

/** `12 s, about 30 s left`. */
function timeText(share: number, elapsed: number): string {
  const seconds = `${Math.round(elapsed / 1000)} s`
  return share > 0.01
    ? `${seconds}, about ${Math.ceil(elapsed / share / 1000 - elapsed / 1000)} s left`
    : seconds
}
