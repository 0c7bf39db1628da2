/** Litmus tests whose answers every handbook has: what a store buffer allows, and what it does not. */
import { describe, expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { collect } from '../../src/explore/collect.ts'
import { build, parse, program } from './language.ts'

/** Every thread's observations, as base-5 digits plus one, over all terminal states. */
function outcomes(text: string, model: 'tso' | 'sc'): string[] {
  const threads = text.split('||').map((column) => ({ code: parse(column), buffered: model === 'tso' }))
  const built = build(threads, true)
  const outs = built.cells.cells.flatMap(({ name }, i) => (name.startsWith('out') ? [i] : []))
  const { terminals } = collect(built)
  const seen = (value: number): string =>
    value === 0 ? '' : seen(Math.floor((value - 1) / 5)) + ((value - 1) % 5)
  const shown = [...terminals].map((state) => {
    const cells = state.split(' ')
    return outs.map((i) => seen(Number(cells[i]))).join(' ')
  })
  return [...new Set(shown)].sort()
}

describe('store buffering', () => {
  const SB = 'Wx1;Ry || Wy1;Rx'
  it('lets both loads see nothing under TSO', () => {
    expect(outcomes(SB, 'tso')).toEqual(['0 0', '0 1', '1 0', '1 1'])
  })
  it('does not under sequential consistency', () => {
    expect(outcomes(SB, 'sc')).toEqual(['0 1', '1 0', '1 1'])
  })
  it('does not with fences', () => {
    expect(outcomes('Wx1;F;Ry || Wy1;F;Rx', 'tso')).toEqual(['0 1', '1 0', '1 1'])
  })
  it('does with a fence on one side only', () => {
    expect(outcomes('Wx1;F;Ry || Wy1;Rx', 'tso')).toContain('0 0')
  })
  it('does not with locked instructions instead of stores', () => {
    expect(outcomes('Xx1;Ry || Xy1;Rx', 'tso')).not.toContain('00 00')
  })
})

describe('what TSO keeps', () => {
  it('message passing', () => expect(outcomes('Wx1;Wy1 || Ry;Rx', 'tso')).toEqual([' 00', ' 01', ' 11']))
  it('load buffering', () => expect(outcomes('Rx;Wy1 || Ry;Wx1', 'tso')).toEqual(['0 0', '0 1', '1 0']))
  it('a thread sees its own store at once, and others later', () =>
    expect(outcomes('Wx1;Rx;Ry || Wy1;Ry;Rx', 'tso')).toContain('10 10'))
  it('independent reads of independent writes agree', () =>
    expect(outcomes('Wx1 || Wy1 || Rx;Ry || Ry;Rx', 'tso')).not.toContain('  10 10'))
  it('a newer store to the same cell is forwarded', () =>
    expect(outcomes('Wx1;Wx2;Rx || N', 'tso')).toEqual(['2 ']))
  it('an interrupt is taken with an empty store buffer', () => {
    const threads = [{ code: parse('Wx1;Ry'), handler: { code: parse('!x0'), spontaneous: true, budget: 1 } }]
    // Before the store x is 0 in memory, after it the handler comes when the store has drained.
    const after = build([{ ...threads[0]!, code: parse('I0;Wx1;I1;Ry') }, { code: parse('N') }])
    const verdict = check(after)
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.trail.steps.map(({ kind }) => kind)).toEqual(['deliver', 'assert'])
    const masked = build([
      { code: parse('N'), handler: { code: parse('!x1'), spontaneous: true, budget: 1 } },
    ])
    expect(check(masked).verdict).toBe('safe')
  })
})

describe('locks, waits and progress', () => {
  it('a lock keeps others out', () => {
    expect(check(program('Ll;Wx1;!y1;Wx0;Ul || Ll;Wy1;!x1;Wy0;Ul')).verdict).toBe('safe')
  })
  it('two locks in two orders lock up, and the message says who waits for what', () => {
    const verdict = check(program('La;Lb;Ub;Ua || Lb;La;Ua;Ub'))
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.property).toBe('progress')
    expect(verdict.trail.violation.message).toBe(
      'nobody can move: P0 waits at "lock b", P1 waits at "lock a"',
    )
    expect(verdict.trail.steps.map(({ label }) => label).sort()).toEqual(['lock a', 'lock b'])
    expect(verdict.trail.switches).toBe(1)
  })
  it('a wait loop is one blocking operation', () => {
    const { search } = collect(program('Ax1 || Xx1', 'sc'))
    expect(search.states).toBe(3)
  })
  it('a daemon need not be done', () => {
    const waits = { code: parse('Ax1') }
    expect(check(build([waits, { code: parse('Xy1') }])).verdict).toBe('unsafe')
    expect(check(build([{ ...waits, daemon: true }, { code: parse('Xy1') }])).verdict).toBe('safe')
  })
  it('an interrupt wakes nobody who waits with interrupts off', () => {
    const handler = { code: parse('Xx1') }
    const waiter = (code: string) => build([{ code: parse(code), handler }, { code: parse('P0') }])
    expect(check(waiter('Ax1')).verdict).toBe('safe')
    expect(check(waiter('I0;Ax1;I1')).verdict).toBe('unsafe')
  })
})
