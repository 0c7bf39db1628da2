/** A progress bar on stderr for work whose share done is known: redrawn on a terminal, a line now and then elsewhere. */
import type { ProgressStream } from '../report/progress.ts'

const WIDTH = 30
const QUIET_FOR = 500
const REDRAW_EVERY = 100
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
  let shown = begun
  let drawn = false
  return {
    update(share) {
      const at = now()
      const terminal = stream.isTTY === true
      if (at - begun < QUIET_FOR || at - shown < (terminal ? REDRAW_EVERY : LINE_EVERY)) return
      shown = at
      const left = share > 0.01 ? `, ${Math.ceil(((at - begun) / share - (at - begun)) / 1000)} s left` : ''
      const text = `${what}: ${(100 * share).toFixed(0)} %${left}`
      if (!terminal) {
        stream.write(`${text}\n`)
        return
      }
      drawn = true
      const full = Math.round(share * WIDTH)
      stream.write(`\r[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${text}\x1b[K`)
    },
    clear() {
      if (drawn) stream.write('\r\x1b[K')
      drawn = false
    },
  }
}
