/** The second engine as users meet it: verdicts, trails, limits, and what it does not support. */
import { describe, expect, it } from 'vitest'
import { Operation, type Task } from '../../../src/core/operation.ts'
import { check } from '../../../src/explore/check.ts'
import { dpor } from '../../../src/explore/dpor/dpor.ts'
import type { CheckOptions } from '../../../src/explore/verdict.ts'
import { build, parse, program } from '../language.ts'
import { threadsOf, W } from './operations.ts'

const traces = (text: string, options: CheckOptions = {}, model: 'sc' | 'tso' = 'tso') =>
  check(program(text, model), { engine: 'dpor', ...options })

describe('a verdict', () => {
  it('is safe when every trace has been explored', () => {
    const verdict = traces('Wx1;Ry || Wy1;Rx')
    expect(verdict.verdict).toBe('safe')
    expect(verdict.counts.traces).toEqual({ complete: 4, incomplete: 0 })
  })
  it('is unsafe with a shortest trail, replayed', () => {
    const verdict = traces('Wx1;Ry;?0 || Wy1;Rx')
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.property).toBe('assertion')
    expect(verdict.trail.steps.map(({ label }) => label)).toEqual(['x = 1', 'r = y', 'assert r != 0'])
    expect(verdict.trail.length).toBe('proved-shortest')
  })
  it('says who waits for what in a deadlock', () => {
    const verdict = traces('La;Lb;Ub;Ua || Lb;La;Ua;Ub')
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.property).toBe('progress')
    expect(verdict.trail.violation.message).toBe(
      'nobody can move: P0 waits at "lock b", P1 waits at "lock a"',
    )
  })
  it('agrees with the first engine about a lock', () => {
    const text = 'Ll;Wx1;!y1;Wx0;Ul || Ll;Wy1;!x1;Wy0;Ul || Ll;Rx;Ul'
    expect(traces(text).verdict).toBe('safe')
    expect(check(program(text)).verdict).toBe('safe')
  })
})

describe('a search is inconclusive', () => {
  const large = Array.from({ length: 4 }, () => 'Xa1;Xb1;Xc1;Xd1').join('||')
  const reasonOf = (options: CheckOptions) => {
    const verdict = traces(large, options)
    if (verdict.verdict !== 'inconclusive') throw new Error(verdict.verdict)
    return verdict.reason
  }
  it('at a number of events', () => expect(reasonOf({ maxStates: 1000 })).toBe('more than 1000 events'))
  it('at a time', () => expect(reasonOf({ timeoutMs: 30 })).toBe('no end within 30 ms'))
  it('when it is interrupted', () => expect(reasonOf({ interrupted: () => true })).toBe('interrupted'))
  it('where somebody can be interrupted', () => {
    const threads = [{ code: parse('Wx1'), handler: { code: parse('Rx') } }, { code: parse('P0') }]
    const verdict = check(build(threads), { engine: 'dpor' })
    if (verdict.verdict !== 'inconclusive') throw new Error(verdict.verdict)
    expect(verdict.reason).toBe('not supported by the dpor engine: P0 can be interrupted by "handler 0"')
  })
  it('where a choice touches memory', () => {
    const built = threadsOf((cell) => {
      const x = cell('x')
      function* thread(): Task<void> {
        yield* new Operation<void>({
          kind: 'rmw',
          label: 'spurious',
          choices: 2,
          footprint: () => ({ writes: [x] }),
          apply: (memory, choice) => {
            memory.set(x, choice)
            return 0
          },
        })
      }
      return [thread, thread]
    })('sc')
    const verdict = check(built, { engine: 'dpor' })
    if (verdict.verdict !== 'inconclusive') throw new Error(verdict.verdict)
    expect(verdict.reason).toBe(
      'not supported by the dpor engine: "spurious" chooses and touches memory at once',
    )
  })
})

describe('counting', () => {
  it('goes on after violations when it is told to', () => {
    const result = dpor(program('!x1 || Xx1', 'sc'), { goOn: true })
    expect(result.traces).toMatchObject({ complete: 1, halted: 1, blocked: 0 })
    expect([...result.violations]).toEqual(['P0: assertion: x is 1'])
    expect(result.violating).toBeUndefined()
  })
  it('takes the outcomes of a choice for different traces', () => {
    expect(dpor(program('C3 || C2'), { goOn: true }).traces.complete).toBe(6)
  })
  it('does not tell apart whether an own store was forwarded or read from memory', () => {
    expect(dpor(program('Wx1;Rx;Rx || Ry'), { goOn: true }).traces.complete).toBe(1)
  })
  it('counts every order of stores to one cell, of equal values too', () => {
    const twice = threadsOf((cell) => {
      const x = cell('x')
      function* thread(): Task<void> {
        yield* W(x, 1)
      }
      return [thread, thread]
    })
    expect(dpor(twice('sc')).traces.complete).toBe(2)
    expect(dpor(twice('tso')).traces.complete).toBe(2)
  })
  it('does not blow up in long threads', () => {
    const long = Array.from({ length: 300 }, () => 'Wx1').join(';')
    expect(dpor(program(`${long} || Ry`)).traces.complete).toBe(1)
  })
})
