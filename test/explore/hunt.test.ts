import { describe, expect, test } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { pctBound } from '../../src/explore/hunt.ts'
import type { CheckOptions } from '../../src/explore/verdict.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { threadTable } from '../../src/scenarios/thread-table.ts'

function thread(flush: string, options: CheckOptions) {
  return check(threadTable.build({ ...DEFAULT_OPTIONS, flush }), { shortest: false, ...options })
}

describe.each([
  ['PCT', { engine: 'pct', executions: 300 }],
  ['two preemptions', { preemptions: 2 }],
] as const)('%s', (_, options) => {
  test('meets the race of the thread', () => {
    expect(thread('hyperv', options)).toMatchObject({ verdict: 'unsafe', property: 'page-table lifetime' })
  })

  test('never says safe', () => {
    const few = 'executions' in options ? { ...options, executions: 50 } : { ...options, maxStates: 500 }
    expect(thread('native', few)).toMatchObject({ verdict: 'inconclusive' })
  })
})

test('one schedule after the other: without a preemption there is no race', () => {
  const verdict = thread('hyperv', { preemptions: 0 })
  expect(verdict).toMatchObject({
    verdict: 'inconclusive',
    covered: expect.stringMatching(/^all schedules without preemptions/),
  })
})

test('interrupted: how many preemptions are covered', () => {
  let polls = 0
  const verdict = thread('native', { preemptions: 9, interrupted: () => ++polls > 10 })
  expect(verdict).toMatchObject({ verdict: 'inconclusive', reason: 'interrupted' })
  expect('covered' in verdict && verdict.covered).toMatch(/^(all schedules|no number of preemptions)/)
})

describe('random', () => {
  const without = new Set(['native_flush_tlb_others: csd_lock_wait'])

  test('meets a flush that does not wait', () => {
    expect(thread('native', { engine: 'random', executions: 3000, without })).toMatchObject({
      verdict: 'unsafe',
    })
  })

  test('never says safe, and guarantees nothing', () => {
    expect(thread('native', { engine: 'random', executions: 50 })).toMatchObject({
      verdict: 'inconclusive',
      covered: '50 random executions (seed 1); nothing is guaranteed',
    })
  })
})

test('the same seed, the same run', () => {
  const run = (seed: number) => thread('hyperv', { engine: 'pct', executions: 300, seed })
  expect({ ...run(3), counts: 0 }).toEqual({ ...run(3), counts: 0 })
})

test("PCT's bound: 1 / (n k^(d-1)) in each execution", () => {
  const text = pctBound({ seed: 1, depth: 2, movers: 5, steps: 20, counted: 100 })
  expect(text).toContain('probability at least 1.0e-2 in each, 0.63 in all')
})
