/** What a verdict says besides yes and no: limits, progress, interruption, counts. */
import { describe, expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { replay } from '../../src/explore/replay.ts'
import type { Progress } from '../../src/explore/verdict.ts'
import { build, parse, program } from './language.ts'

const LARGE = Array.from({ length: 4 }, (_, i) => `Xa${(i % 3) + 1};Xb1;Xc1;Xd1;Xa1;Xc1;Rb`).join('||')

describe('a check that is cut short is inconclusive', () => {
  it('at a number of states', () => {
    const verdict = check(program(LARGE, 'sc'), { maxStates: 1000 })
    if (verdict.verdict !== 'inconclusive') throw new Error(verdict.verdict)
    expect(verdict.reason).toBe('more than 1000 states')
    expect(verdict.counts.states).toBeGreaterThan(1000)
  })
  it('at a time', () => {
    const verdict = check(program(LARGE, 'sc'), { timeoutMs: 50 })
    if (verdict.verdict !== 'inconclusive') throw new Error(verdict.verdict)
    expect(verdict.reason).toBe('no end within 50 ms')
  })
  it('when it is interrupted', () => {
    let polls = 0
    const verdict = check(program(LARGE, 'sc'), { interrupted: () => ++polls > 60 })
    if (verdict.verdict !== 'inconclusive') throw new Error(verdict.verdict)
    expect(verdict.reason).toBe('interrupted')
  })
  it('unless the warm-up has met a violation', () => {
    const verdict = check(program(`${LARGE} || Xe1;Xe1;Xe1;!e3`, 'sc'), { maxStates: 300 })
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.trail.steps).toHaveLength(4)
    expect(verdict.trail.length).toBe('minimal')
  })
})

it('progress is told while a search runs', () => {
  const told: Progress[] = []
  check(program(LARGE, 'sc'), { timeoutMs: 1500, onProgress: (progress) => told.push(progress) })
  expect(told.length).toBeGreaterThan(1)
  expect(told.at(-1)!.states).toBeGreaterThan(1000)
  expect(told.at(-1)!.statesPerSecond).toBeGreaterThan(0)
  expect(told.at(-1)!.bytes).toBeGreaterThan(10_000)
})

it('a verdict carries the counts and the bounds of the model', () => {
  const built = { ...program('Wx1;Ry || Wy1;Rx'), bounds: ['at most 1 NMI'] }
  const verdict = check(built)
  expect(verdict.verdict).toBe('safe')
  expect(verdict.bounds).toEqual(['at most 1 NMI'])
  expect(verdict.counts.states).toBeGreaterThan(5)
  expect(verdict.counts.nodes).toBeGreaterThan(4)
})

describe('a trail', () => {
  const built = build([{ code: parse('Wx1;{Ry};?0') }, { code: parse('P0;N'), handler: { code: [] } }])
  const verdict = check(built)
  if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
  const { steps } = verdict.trail

  it('names processes, operations, and the functions they happen in', () => {
    expect(
      steps.map(({ processName, kind, label, stack }) => [processName, kind, label, stack.join('>')]),
    ).toEqual([
      ['P0', 'store', 'x = 1', 'main>run'],
      ['P0', 'load', 'r = y', 'main>run>helper>run'],
      ['P0', 'assert', 'assert r != 0', 'main>run'],
    ])
  })
  it('replays step by step, and shows what changed', () => {
    const { steps: again, violation } = replay(built, [
      { process: 0, alternative: -1, choice: 0 },
      { process: 1, alternative: -1, choice: 0 },
      { process: 0, alternative: -2, choice: 0 },
    ])
    expect(violation).toBeUndefined()
    expect(again.map(({ changes }) => changes)).toEqual([
      [],
      [{ cell: 'pending[0]', before: 0, after: 1 }],
      [{ cell: 'x', before: 0, after: 1 }],
    ])
  })
  it('that does not fit the program is refused', () => {
    expect(replay(built, [{ process: 0, alternative: -2, choice: 0 }]).impossible).toBe(true)
    expect(replay(built, [{ process: 1, alternative: 0, choice: 0 }]).impossible).toBe(true)
    expect(replay(built, [{ process: 9, alternative: 0, choice: 0 }]).impossible).toBe(true)
  })
})
