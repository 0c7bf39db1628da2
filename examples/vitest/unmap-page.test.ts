/**
 * A protocol checked in a test suite: `vitest run examples/vitest`.
 */
import { check, DEFAULT_OPTIONS, formatVerdict } from 'shootdown'
import { expect, test } from 'vitest'
import { rightOrder, wrongOrder } from '../unmap-page.ts'

test.each([2, 3])('with %i CPUs the page is free only when no TLB has it', (cpus) => {
  const verdict = check(rightOrder.build({ ...DEFAULT_OPTIONS, cpus }))
  // A failure prints the counterexample, one column a CPU.
  expect(verdict.verdict, formatVerdict(verdict)).toBe('safe')
})

test('freeing before the flush is caught', () => {
  const verdict = check(wrongOrder.build(DEFAULT_OPTIONS))
  expect(verdict).toMatchObject({ verdict: 'unsafe', property: 'translation coherence' })
})
