/** Where the graph of states has cycles, no transition may be put off for ever (EXPLORER 8). */
import { describe, expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { collect } from '../../src/explore/collect.ts'
import { build, parse, type Thread } from './language.ts'

/** Two threads that lose an update now and then. */
const RACE: Thread[] = [{ code: parse('Rx;Wxr;F;Lm;Xd1;Um') }, { code: parse('Rx;Wxr;F;Lm;Xd1;Um') }]
const JUDGE: Thread = { code: parse('Ad2;!x1') }

function findsTheRace(beside: readonly Thread[], cyclic: boolean): void {
  const built = build([...beside, ...RACE, JUDGE])
  const reduced = collect(built)
  const full = collect(built, { persistentSets: false })
  expect([...reduced.violations]).toEqual([`P${beside.length + 2}: assertion: x is 1`])
  expect(reduced.violations).toEqual(full.violations)
  expect(reduced.terminals).toEqual(full.terminals)
  expect(reduced.search.enlarged > 0).toBe(cyclic)
  expect(reduced.search.states).toBeLessThan(full.search.states)
  expect(check(built).verdict).toBe('unsafe')
}

describe('a race is found', () => {
  it('beside an infinite private loop', () =>
    findsTheRace([{ code: [], handler: { code: parse('Xp1'), spontaneous: true } }], true))
  it('beside a spin loop that goes through a merge', () =>
    findsTheRace([{ code: [], handler: { code: parse('{Rp;Rp};{Rq}'), spontaneous: true } }], true))
  it('beside a host that toggles whether a vCPU runs', () =>
    findsTheRace([{ code: parse('N'), handler: { code: parse('Wo1;Wo0;F'), spontaneous: true } }], true))
  it('beside two handlers that send each other IPIs', () =>
    findsTheRace(
      [
        { code: parse('P1'), handler: { code: parse('P1') } },
        { code: [], handler: { code: parse('P0') } },
      ],
      true,
    ))
  it('beside handlers that come a bounded number of times, without any cycle', () =>
    findsTheRace(
      [{ code: parse('N'), handler: { code: parse('Xp1'), spontaneous: true, budget: 2 } }],
      false,
    ))
  it('beside handlers that are sent for, without any cycle', () =>
    findsTheRace(
      [
        { code: parse('P1'), handler: { code: parse('Xp1') } },
        { code: parse('N'), handler: { code: parse('Xq1') } },
      ],
      false,
    ))
})

it('a program that can go round for ever is safe all the same', () => {
  const spinning = build([{ code: parse('N'), handler: { code: parse('Xp1'), spontaneous: true } }])
  expect(check(spinning).verdict).toBe('safe')
})
