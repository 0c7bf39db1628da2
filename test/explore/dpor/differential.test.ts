/**
 * The two engines and the naive enumerators check each other: on thousands of random programs, the traces of the second engine
 * are exactly the happens-before graphs that exist, each once, and both engines end in the same states.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Program } from '../../../src/core/program.ts'
import { collect } from '../../../src/explore/collect.ts'
import { dpor } from '../../../src/explore/dpor/dpor.ts'
import { build, program } from '../language.ts'
import { enumerate } from '../naive.ts'
import { threads } from '../random-programs.ts'
import { allTraces, graphOf } from './naive-traces.ts'
import { buildRandom, type Kind, randomPrograms, type Shape, type Step } from './random.ts'

const RUNS = Number(process.env.RUNS ?? 200)
const seed = process.env.SEED === undefined ? 2_014_0122 : Number(process.env.SEED)
/** Programs with more unfinished executions than this are left out. */
const MAX_GRAPHS = 400
/** The other naive enumerator is slower. */
const MAX_STATES = 200

/** False when the program is too large to be enumerated. */
function agree(built: Program): boolean {
  const naive = allTraces(built, MAX_GRAPHS)
  if (naive.gaveUp) return false
  const found: string[] = []
  const terminals = new Set<string>()
  const { traces, reason, violations } = dpor(built, {
    goOn: true,
    onEnd: ({ actions, terminal }) => {
      found.push(graphOf(built, actions))
      terminals.add(terminal)
    },
  })
  expect(reason).toBeUndefined()
  expect(found.toSorted()).toEqual([...naive.traces.keys()].sort())
  expect(traces.sleepBlocked).toBe(0)
  expect(traces.complete + traces.blocked + traces.halted).toBe(naive.traces.size)
  expect(terminals).toEqual(new Set(naive.traces.values()))
  const judge = enumerate(built, { maxStates: MAX_STATES })
  if (!judge.gaveUp) {
    expect(terminals).toEqual(judge.terminals)
    expect(violations).toEqual(judge.violations)
  }
  const states = collect(built)
  expect(new Set(states.terminals)).toEqual(terminals)
  expect(new Set(states.violations)).toEqual(violations)
  return true
}

function agrees(shape: Shape, share = 1): void {
  let compared = 0
  const runs = Math.ceil(RUNS * share)
  fc.assert(
    fc.property(randomPrograms(shape), fc.constantFrom('sc' as const, 'tso' as const), (random, model) => {
      if (agree(buildRandom(random, model))) compared++
    }),
    { numRuns: runs, seed },
  )
  expect(compared).toBeGreaterThan(runs / 2)
}

const LOADS_AND_STORES = { store: 6, load: 6, fence: 1, faa: 1, cas: 2 }
const WAITS = { await: 3, 'await both': 2, 'await either': 2, 'await equal': 2, 'await exchange': 2 }
const LOCKS = { lock: 3, unlock: 2, release: 1 }
const ODD = {
  'peek at': 2,
  swap: 2,
  'conditional read': 2,
  'conditional write': 2,
  'store two': 2,
  'load two': 2,
  'copy later': 2,
}
const CODE = { choose: 1, if: 2, call: 1, assert: 1 }

describe('traces and terminal states are exact, each trace once', () => {
  it('for loads, stores, fences and locked instructions', () =>
    agrees({ threads: 3, length: 4, cells: 2, kinds: { ...LOADS_AND_STORES, if: 2 } }))
  it('for waits for one cell', () =>
    agrees({
      threads: 3,
      length: 4,
      cells: 2,
      kinds: { ...LOADS_AND_STORES, await: 5, 'await exchange': 3 },
    }))
  it('for waits for several cells', () =>
    agrees({ threads: 3, length: 4, cells: 2, kinds: { store: 6, load: 2, faa: 2, ...WAITS } }))
  it('for locks and deadlocks', () =>
    agrees({ threads: 3, length: 4, cells: 2, kinds: { ...LOADS_AND_STORES, ...LOCKS, await: 1 } }))
  it('for operations on several cells, now or when a store drains', () =>
    agrees({ threads: 3, length: 3, cells: 2, kinds: { store: 4, load: 4, fence: 1, ...ODD } }))
  it('for choices, calls and violations', () =>
    agrees({ threads: 3, length: 4, cells: 2, kinds: { ...LOADS_AND_STORES, ...CODE } }))
  it('for everything at once', () =>
    agrees({
      threads: 3,
      length: 4,
      cells: 3,
      kinds: { ...LOADS_AND_STORES, ...WAITS, ...LOCKS, ...ODD, ...CODE },
    }))
  it('for four threads', () =>
    agrees({
      threads: 4,
      length: 2,
      cells: 3,
      kinds: { ...LOADS_AND_STORES, ...WAITS, ...LOCKS, ...ODD, ...CODE },
    }))
  it('for all programs of three and two loads and stores of two cells', () => {
    const steps = ['Wx1', 'Wy1', 'Rx', 'Ry']
    const upTo = (length: number): string[] =>
      length === 0 ? [''] : upTo(length - 1).flatMap((rest) => steps.map((step) => `${step};${rest}`))
    for (const first of upTo(3)) for (const second of upTo(2)) agree(program(`${first}||${second}`))
  })
  it('for an event that touches more when it comes earlier', () => {
    const step = (is: Kind, x: number, y: number) => ({ is, x, y, value: 0 })
    const thread = (...steps: readonly Step[]) => ({ steps, buffered: false, daemon: true })
    const reader = { ...step('conditional read', 1, 0), value: 1 }
    const late = [step('conditional write', 0, 1), step('store two', 0, 0)]
    agree(
      buildRandom(
        { threads: [thread(step('store', 0, 0)), thread(...late), thread(reader)], cells: 2 },
        'sc',
      ),
    )
    const threads = [
      thread(step('conditional write', 1, 0), step('conditional read', 0, 0)),
      thread(step('store', 1, 0), step('await', 0, 0)),
      thread(step('await', 0, 0), step('swap', 0, 0)),
    ]
    agree(buildRandom({ threads, cells: 3 }, 'sc'))
  })
  it('for a wait that could overwrite what a forwarded load has seen only if its store had drained', () => {
    const step = (is: Kind, x: number, y: number, value = 0) => ({ is, x, y, value })
    const first = [step('store', 0, 0), step('await either', 1, 0), step('await equal', 1, 0)]
    const second = [step('await exchange', 0, 0, 2), step('await', 0, 0)]
    const threads = [
      { steps: first, buffered: true, daemon: true },
      { steps: second, buffered: false, daemon: true },
    ]
    agree(buildRandom({ threads, cells: 2 }, 'tso'))
  })
  it('for compare-and-swaps and conditional accesses', () =>
    agrees({
      threads: 3,
      length: 3,
      cells: 2,
      kinds: {
        store: 3,
        load: 3,
        cas: 4,
        'conditional write': 4,
        'conditional read': 3,
        await: 1,
        'load two': 1,
      },
    }))
  it("for the first engine's random programs", () => {
    fc.assert(
      fc.property(threads({ processes: 3, length: 3, handlers: false, calls: true }), (some) => {
        agree(build(some, true))
      }),
      { numRuns: RUNS, seed },
    )
  })
})
