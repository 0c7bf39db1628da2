/**
 * The heart of these tests: on thousands of random small programs, the naive enumerator, the full search and the reduced
 * search find the same terminal states and the same violations.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect } from '../../src/explore/collect.ts'
import type { Collection } from '../../src/explore/search-options.ts'
import { build } from './language.ts'
import { enumerate } from './naive.ts'
import { type Flavour, threads } from './random-programs.ts'

const RUNS = Number(process.env.RUNS ?? 400)
const seed = process.env.SEED === undefined ? 20_170_626 : Number(process.env.SEED)

function sorted({ terminals, violations }: Collection) {
  return { terminals: [...terminals].sort(), violations: [...violations].sort() }
}

function everybodyIsDone(terminal: string): boolean {
  return !terminal.includes('blocked') && !terminal.includes('halted')
}

function agrees(flavour: Flavour, maxStates = 3000): void {
  // Where states come back, the naive enumerator has the most to do.
  const runs = flavour.cycles === true || flavour.loops === true ? RUNS / 4 : RUNS
  let compared = 0
  fc.assert(
    fc.property(threads(flavour), (some) => {
      const program = build(some, true)
      const naive = enumerate(program, { maxStates })
      if (naive.gaveUp) return
      compared++
      const wanted = sorted(naive)
      expect(sorted(collect(program, { persistentSets: false }))).toEqual(wanted)
      expect(sorted(collect(program, { lateDelivery: false }))).toEqual(wanted)
      // Late delivery may meet a handler that never returns, or halts, only with the interrupted code one operation further.
      const late = sorted(collect(program))
      expect(late.violations).toEqual(wanted.violations)
      expect(wanted.terminals).toEqual(expect.arrayContaining(late.terminals))
      expect(late.terminals.filter(everybodyIsDone)).toEqual(wanted.terminals.filter(everybodyIsDone))
    }),
    { numRuns: runs, seed },
  )
  expect(compared).toBeGreaterThan(runs / 2)
}

describe('naive, full and reduced searches find the same', () => {
  it('for loads, stores, locked operations, fences, locks, awaits and choices under TSO', () =>
    agrees({ processes: 2, length: 4, handlers: false }))
  it('for three processes', () => agrees({ processes: 3, length: 3, handlers: false }))
  it('for calls that merge', () => agrees({ processes: 3, length: 3, handlers: false, calls: true }))
  it('for values that do not fit their cells at first', () =>
    agrees({ processes: 2, length: 4, handlers: false, wide: true }))
  it('for interrupts and IPIs', () => agrees({ processes: 2, length: 3, handlers: true }))
  it('for interrupts and IPIs among three', () =>
    agrees({ processes: 3, length: 2, handlers: true, calls: true }))
  it('for handlers that come any number of times', () =>
    agrees({ processes: 2, length: 3, handlers: true, cycles: true }))
  it('for handlers that come any number of times among three', () =>
    agrees({ processes: 3, length: 2, handlers: true, cycles: true }))
  it('for loops that may never end', () => agrees({ processes: 2, length: 3, handlers: false, loops: true }))
  it('for loops under interrupts that come any number of times', () =>
    agrees({ processes: 2, length: 2, handlers: true, cycles: true, loops: true, calls: true }))
})
