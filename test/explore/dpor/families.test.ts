/** Well-known programs through the public interface: closed forms where there are any, and the naive enumerator's numbers. */
import { describe, expect, it } from 'vitest'
import type { Program } from '../../../src/core/program.ts'
import { countTraces } from '../../../src/explore/dpor/count-traces.ts'
import * as families from './families.ts'
import { allTraces } from './naive-traces.ts'

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))
const choose = (n: number, k: number) => factorial(n) / factorial(k) / factorial(n - k)

/** Complete traces; all of them. */
function complete(program: Program): number {
  const { complete, halted, sleepSetBlocked, reason } = countTraces(program)
  expect({ reason, halted, sleepSetBlocked }).toEqual({ reason: undefined, halted: 0, sleepSetBlocked: 0 })
  return complete
}

describe.each(['sc', 'tso'] as const)('closed forms under %s', (model) => {
  it.each([1, 2, 3, 4])('%i independent pairs of store buffering', (n) => {
    expect(complete(families.independentPairs(n)(model))).toBe((model === 'sc' ? 3 : 4) ** n)
  })
  it.each([2, 4, 6])('%i writers: every order', (n) => {
    expect(complete(families.writers(n)(model))).toBe(factorial(n))
  })
  it.each([
    [3, 2],
    [2, 4],
    [5, 5],
  ])('%i writes, %i reads of one variable', (writes, reads) => {
    expect(complete(families.coherenceChain(writes, reads)(model))).toBe(choose(writes + reads, reads))
  })
  it.each([2, 5, 9])('a token among %i', (n) => {
    expect(complete(families.tokenRing(n)(model))).toBe(1)
  })
  it.each([2, 3, 5])('a lock, a spinlock, a ticket lock among %i: every order', (n) => {
    expect(complete(families.locked(n, 'mutex')(model))).toBe(factorial(n))
    expect(complete(families.locked(n, 'spinlock')(model))).toBe(factorial(n))
    expect(complete(families.ticketLock(n)(model))).toBe(factorial(n))
  })
  it.each([
    [2, 3],
    [3, 2],
    [4, 1],
  ])('%i threads, %i counters', (n, k) => {
    expect(complete(families.counters(n, k)(model))).toBe(factorial(n) ** k)
  })
  it.each([2, 3, 4])('a barrier for %i: every order of arrival', (n) => {
    expect(complete(families.barrier(n)(model))).toBe(factorial(n))
  })
})

describe.each(['sc', 'tso'] as const)('as the naive enumerator counts, under %s', (model) => {
  const programs: readonly (readonly [string, (model: 'sc' | 'tso') => Program])[] = [
    ['locked increments (3)', families.locked(3, 'spinlock')],
    ['try-locks (3)', families.tryLocks(3)],
    ['ticket lock (2)', families.ticketLock(2)],
    ['MCS lock (2)', families.mcsLock(2)],
    ["Peterson's lock", families.peterson(false)],
    ["Peterson's lock, fenced", families.peterson(true)],
    ['Treiber stack (3)', families.treiberStack(3)],
    ['barrier (3)', families.barrier(3)],
    ['relay (4)', families.relay(4)],
    ['doubly checked initialisation (2)', families.onceInit(2)],
  ]
  for (const [name, build] of programs) {
    it(name, () => {
      const naive = allTraces(build(model), 20_000)
      expect(naive.gaveUp).toBe(false)
      const fates = [...naive.traces.values()]
      const blocked = fates.filter((fate) => fate.includes('blocked')).length
      const { sleepSetBlocked, ...found } = countTraces(build(model))
      expect(found).toMatchObject({ complete: fates.length - blocked, blocked, halted: 0 })
      expect(sleepSetBlocked).toBe(0)
    })
  }
})
