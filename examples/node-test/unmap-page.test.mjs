/**
 * A protocol checked in a test suite, without any other tool: `node --test examples/node-test`. Plain JavaScript, so that it
 * runs on every supported Node; the scenarios are in TypeScript all the same.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check, DEFAULT_OPTIONS, formatVerdict, loadScenarioFile } from 'shootdown'

const [rightOrder, wrongOrder] = await loadScenarioFile(new URL('../unmap-page.ts', import.meta.url))

for (const cpus of [2, 3]) {
  test(`with ${cpus} CPUs the page is free only when no TLB has it`, () => {
    const verdict = check(rightOrder.build({ ...DEFAULT_OPTIONS, cpus }))
    assert.equal(verdict.verdict, 'safe', formatVerdict(verdict))
  })
}

test('freeing before the flush is caught', () => {
  const verdict = check(wrongOrder.build(DEFAULT_OPTIONS))
  assert.equal(verdict.verdict, 'unsafe')
  assert.equal(verdict.property, 'translation coherence')
})
