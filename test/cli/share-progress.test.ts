import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { shareProgress } from '../../src/cli/share-progress.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

function stream(isTTY: boolean) {
  const written: string[] = []
  return { written, isTTY, columns: 60, write: (text: string) => written.push(text) }
}

it('a clock runs on the bar, also where nothing is reported', () => {
  const terminal = stream(true)
  const progress = shareProgress(terminal, 'ebizzy, 4 runs')
  vi.advanceTimersByTime(3000)
  expect(terminal.written.at(-1)).toContain('ebizzy, 4 runs: 0 %, 3 s')
  progress.update(0.25)
  vi.advanceTimersByTime(1000)
  expect(terminal.written.at(-1)).toContain('25 %, 4 s')
  // Beside the carriage return and the clearing of the rest, a line fits the terminal.
  expect(Math.max(...terminal.written.map((text) => text.length))).toBeLessThan(60 + '\r\x1b[K'.length)
  progress.clear()
  expect(terminal.written.at(-1)).toBe('\r\x1b[K')
  const { length } = terminal.written
  vi.advanceTimersByTime(5000)
  expect(terminal.written).toHaveLength(length)
})

it('where nothing can be redrawn there is a line every 15 seconds; short work shows nothing', () => {
  const file = stream(false)
  const progress = shareProgress(file, 'storm')
  vi.advanceTimersByTime(400)
  expect(file.written).toEqual([])
  progress.update(0.5)
  vi.advanceTimersByTime(31_000)
  expect(file.written).toHaveLength(2)
  expect(file.written[0]).toMatch(/^storm: 50 %, 1\d s, about 1\d s left\n$/)
  progress.clear()
})
