import { describe, expect, test } from 'vitest'
import { ProgressReporter } from '../../src/report/progress.ts'

const at = {
  phase: 'search',
  states: 1_234_567,
  statesPerSecond: 310_000,
  frontier: 42_000,
  bytes: 96e6,
} as const

/** What is written when a job reports every `step` ms for `total` ms. */
function written(isTTY: boolean, step: number, total: number): readonly string[] {
  const out: string[] = []
  let now = 0
  const reporter = new ProgressReporter({ isTTY, columns: 80, write: (text) => out.push(text) }, 1, () => now)
  for (; now <= total; now += step) reporter.update(0, at)
  reporter.clear()
  return out
}

describe('progress', () => {
  test('says states, rate, frontier and memory', () => {
    expect(written(false, 5000, 10_000).join('')).toBe(
      'searching: 1,234,567 states, 310,000/s, frontier 42,000, 96 MB\n',
    )
  })

  test('a run that is soon over shows nothing', () => {
    expect(written(true, 50, 250)).toEqual([])
  })

  test('a terminal line is redrawn and cleared at the end', () => {
    const out = written(true, 50, 1000)
    expect(out.length).toBeGreaterThan(5)
    expect(out.every((text) => text.startsWith('\r') && text.endsWith('\x1b[K'))).toBe(true)
    expect(out.at(-1)).toBe('\r\x1b[K')
  })

  test('elsewhere a line now and then, without control characters', () => {
    const out = written(false, 1000, 60_000)
    expect(out.length).toBe(6)
    for (const sign of ['\x1b', '\r']) expect(out.join('')).not.toContain(sign)
  })
})
