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
    expect(written(false, 2000, 2000).join('')).toBe(
      'searching: 1,234,567 states, 310,000/s, 42,000 to expand, 96 MB, 2 s\n',
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

  test('a round after the first says how far it is, by what the one before had', () => {
    const again = (more: object) => {
      const out: string[] = []
      let now = 0
      const reporter = new ProgressReporter({ write: (text) => out.push(text) }, 1, () => now)
      now = 2000
      reporter.update(0, { ...at, round: 2, ...more })
      reporter.clear()
      return out.join('')
    }
    expect(again({})).toMatch(/^searching, round 2: 1,234,567 states, 310,000\/s, 42,000 to expand/)
    expect(again({ expected: 2_000_000 })).toMatch(/310,000\/s, about 61 % of round 1, 96 MB, 2 s\n$/)
  })

  test('what is left is said once the frontier has been shrinking for a while, and not before', () => {
    const shown = (frontiers: readonly number[], more: object = {}) => {
      const out: string[] = []
      let now = 0
      const reporter = new ProgressReporter({ write: (text) => out.push(text) }, 1, () => now)
      for (const frontier of frontiers) {
        now += 1500
        reporter.update(0, { ...at, frontier, ...more })
      }
      reporter.clear()
      return out.at(-1)
    }
    const falling = Array.from({ length: 12 }, (_, i) => 42_000 - 3000 * i)
    expect(shown(falling)).toMatch(/, 18 s, about 5 s left\n$/)
    expect(shown(falling.slice(0, 6))).toMatch(/, 9 s\n$/)
    expect(shown(falling.toReversed())).toMatch(/, 18 s\n$/)
    // What the round that follows will take, nobody knows.
    expect(shown(falling, { repeats: true })).toMatch(/, another round follows, 18 s\n$/)
  })

  test('elsewhere a line every other second, without control characters', () => {
    const out = written(false, 500, 60_000)
    expect(out.length).toBe(40)
    for (const sign of ['\x1b', '\r']) expect(out.join('')).not.toContain(sign)
  })
})
