/**
 * On random programs with interchangeable CPUs: the search over representatives keeps exactly one state of each orbit, counted by
 * trying all permutations on what the naive enumerator finds; and finds the same terminal states and violations up to a permutation,
 * with and without the other reductions.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { check } from '../../../src/explore/check.ts'
import { collect, searchTwice } from '../../../src/explore/collect.ts'
import { enumerate, shortestViolation } from '../naive.ts'
import { anonymous, smallestState, smallestTerminal } from './brute-force.ts'
import { build, type Flavour, type Plan, plans } from './programs.ts'

const RUNS = Number(process.env.RUNS ?? 100)
const seed = process.env.SEED === undefined ? 20_170_626 : Number(process.env.SEED)

interface Found {
  readonly terminals: ReadonlySet<string>
  readonly violations: ReadonlySet<string>
}

function upToPermutation(plan: Plan, { terminals, violations }: Found) {
  const program = build(plan)
  return {
    terminals: [...new Set([...terminals].map((text) => smallestTerminal(program, plan, text)))].sort(),
    violations: [...new Set([...violations].map((text) => anonymous(plan, text)))].sort(),
  }
}

/** Calls `test` with plans whose programs are small enough for brute force. */
function forPlans(
  flavour: Flavour,
  maxStates: number,
  runs: number,
  test: (plan: Plan, naive: Found & { readonly states: number; readonly orbits: number }) => void,
): void {
  let compared = 0
  fc.assert(
    fc.property(plans(flavour), (plan) => {
      const program = build(plan)
      const orbits = new Set<string>()
      if (enumerate(program, { maxStates }).gaveUp) return
      const naive = enumerate(program, {
        maxStates,
        onState: (state) => orbits.add(smallestState(program, plan, state)),
      })
      compared++
      test(plan, { ...naive, orbits: orbits.size })
    }),
    { numRuns: runs, seed },
  )
  expect(compared).toBeGreaterThan(runs / 3)
}

function isDone(terminal: string): boolean {
  return !terminal.includes('blocked') && !terminal.includes('halted')
}

function agrees(flavour: Flavour, maxStates = 1500, runs = RUNS): void {
  let used = 0
  forPlans(flavour, maxStates, runs, (plan, naive) => {
    const wanted = upToPermutation(plan, naive)
    const program = build(plan)
    const full = collect(program, { persistentSets: false, symmetry: true })
    expect(full.symmetry?.reason).toBeUndefined()
    if (full.search.states < naive.states) used++
    // One state of each orbit, cold and warm.
    expect(full.search.states).toBe(naive.orbits)
    expect(searchTwice(program, { persistentSets: false, symmetry: true })).toEqual([
      naive.orbits,
      naive.orbits,
    ])
    expect(upToPermutation(plan, full)).toEqual(wanted)
    expect(upToPermutation(plan, collect(program, { lateDelivery: false, symmetry: true }))).toEqual(wanted)
    // Late delivery may leave out terminal states in which somebody is stuck (test/explore/differential.test.ts).
    const late = upToPermutation(plan, collect(program, { symmetry: true }))
    expect(late.violations).toEqual(wanted.violations)
    expect(wanted.terminals).toEqual(expect.arrayContaining(late.terminals))
    expect(late.terminals.filter(isDone)).toEqual(wanted.terminals.filter(isDone))
    // A counterexample is replayed before it is given back.
    const verdict = check(build(plan), { shortest: false }).verdict
    expect(verdict).toBe(naive.violations.size === 0 ? 'safe' : 'unsafe')
  })
  expect(used).toBeGreaterThan(runs / 8)
}

describe('searches over representatives find what there is', () => {
  it('for two CPUs', () => agrees({ cpus: 2, length: 4, leader: false }))
  it('for three CPUs', () => agrees({ cpus: 3, length: 3, leader: false }))
  it('for two CPUs beside another one', () => agrees({ cpus: 3, length: 3, leader: true }))
  it('for four CPUs', () => agrees({ cpus: 4, length: 2, leader: false }, 800, RUNS / 2))
  it('for values that do not fit their cells at first', () =>
    agrees({ cpus: 3, length: 3, wide: true, leader: false }, 1500, RUNS / 2))
  it('for interrupts', () => agrees({ cpus: 2, length: 3, handlers: true, leader: false }))
  it('for interrupts beside another CPU', () => agrees({ cpus: 3, length: 2, handlers: true, leader: true }))
  it('for handlers that come any number of times', () =>
    agrees({ cpus: 2, length: 2, handlers: true, always: true, leader: false }, 800))
})

describe('a shortest counterexample over representatives', () => {
  function shortestAgrees(flavour: Flavour): void {
    let unsafe = 0
    forPlans(flavour, 800, 2 * RUNS, (plan, naive) => {
      if (naive.violations.size === 0) return
      unsafe++
      const verdict = check(build(plan))
      if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
      const { trail, symmetry } = verdict
      expect(symmetry?.reason).toBeUndefined()
      expect(trail.length).toBe('proved-shortest')
      expect({ length: trail.steps.length, switches: trail.switches }).toEqual(shortestViolation(build(plan)))
    })
    expect(unsafe).toBeGreaterThan(RUNS / 8)
  }

  it('is as short, with as few switches, among three CPUs', () =>
    shortestAgrees({ cpus: 3, length: 3, leader: false }))
  it('is as short, with as few switches, beside another CPU', () =>
    shortestAgrees({ cpus: 3, length: 3, leader: true }))
  it('is as short, with as few switches, with interrupts', () =>
    shortestAgrees({ cpus: 3, length: 2, handlers: true, leader: false }))
})

describe('code that treats one CPU otherwise than the others', () => {
  it('is found out, or makes no difference', () => {
    let found = 0
    forPlans({ cpus: 3, length: 3, lies: true, leader: false }, 3000, 2 * RUNS, (plan, naive) => {
      const violations = (some: Found) => upToPermutation(plan, some).violations
      const full = collect(build(plan), { persistentSets: false, symmetry: true })
      if (full.symmetry?.reason !== undefined) found++
      expect(violations(full)).toEqual(violations(naive))
      expect(violations(collect(build(plan), { symmetry: true }))).toEqual(violations(naive))
    })
    expect(found).toBeGreaterThan(RUNS / 4)
  })
})
