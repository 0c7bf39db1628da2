/** Livelock: smallest programs that have one and their live controls, and random programs against a judge that shares no code. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { mutualIpiIrqsOff, mutualIpiIrqsOn } from '../../src/scenarios/liveness.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { hasFairCycle } from './fair-cycles.ts'
import { build, parse, program, type Thread } from './language.ts'
import { type Flavour, threads } from './random-programs.ts'

const liveness = { liveness: true } as const
const RUNS = Number(process.env.RUNS ?? 400)
const seed = process.env.SEED === undefined ? 20_170_626 : Number(process.env.SEED)

describe('smallest programs', () => {
  const cases: readonly (readonly [what: string, text: string, verdict: 'safe' | 'unsafe'])[] = [
    ['a flag that nobody sets', '@1(Rx)', 'unsafe'],
    ['the same flag, set by the other one', '@1(Rx) || Wx1', 'safe'],
    ['set and taken back: it may look too late', '@1(Rx) || Wx1;Wx0', 'unsafe'],
    ['a waiter, while somebody goes round', 'Ax1 || @1(Ry)', 'unsafe'],
    ['a waiter whom the one that goes round wakes at last', 'Ax1 || @1(Wx1;Rx)', 'safe'],
    ['a waiter whose flag goes up and down for ever', 'Ax1 || @9(Wx1;Wx0;F)', 'unsafe'],
    ['a lock that somebody takes again and again: locks are handed on', 'Ll;Ul;Wx1 || @1(Ll;Ul;Rx)', 'safe'],
    ['a lock that is never released', 'Ll;Ul || Ll;@9(Rx)', 'unsafe'],
    ['a store that is in its buffer: buffers drain', '@1(Rx) || Wx1;@1(Rx)', 'safe'],
    ['two that undo what the other one waits for', '@1(Wx1;F;Ry) || @1(Wy0;F;Rx)', 'unsafe'],
  ]
  for (const [what, text, verdict] of cases) {
    test(`${what}: ${verdict}`, () => {
      for (const model of ['tso', 'sc'] as const)
        expect(check(program(text, model), liveness)).toMatchObject({ verdict })
    })
  }

  const device: Thread = { code: [], handler: { code: parse('Wy1'), spontaneous: true } }

  test('an interrupt that comes any number of times: the waiter waits', () => {
    expect(check(build([device, { code: parse('Ax1') }]), liveness)).toMatchObject({ verdict: 'unsafe' })
    const woken = build([device, { code: parse('Ax1') }, { code: parse('Wx1') }])
    expect(check(woken, liveness)).toMatchObject({ verdict: 'safe' })
  })

  test('an interrupt that may come need not: it is nobody to rely on', () => {
    const helper: Thread = { code: [], handler: { code: parse('Wx1'), spontaneous: true, budget: 1 } }
    const spins = build([helper, { code: parse('@1(Rx)') }])
    expect(check(spins, liveness)).toMatchObject({ verdict: 'unsafe', property: 'progress' })
    // One that was sent does come, although the target takes interrupts only now and then.
    const asked = build([
      { code: parse('@1(I0;Rx;I1;Rx)'), handler: { code: parse('Wx1') } },
      { code: parse('P0') },
    ])
    expect(check(asked, liveness)).toMatchObject({ verdict: 'safe' })
  })

  test('without being asked: safe, and that it was not asked is said', () => {
    const verdict = check(program('@1(Rx)'))
    expect(verdict).toMatchObject({ verdict: 'safe', bounds: [expect.stringMatching('--liveness')] })
  })

  test('without cycles every execution ends, and nothing more is searched', () => {
    expect(check(program('Wx1;Ry || Wy1;Rx'), liveness)).toMatchObject({
      verdict: 'safe',
      liveness: { because: 'all-end', states: 0 },
    })
  })

  test('a limit: inconclusive, with what is known', () => {
    expect(check(program('@1(Rx) || Wx1 || Wy1;Wy2'), { ...liveness, maxStates: 20 })).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringMatching('livelock'),
      covered: expect.stringMatching('no deadlock'),
    })
  })

  test('a loop that stores without a fence: no end of its buffer, and that is said', () => {
    expect(check(program('Ax1 || @9(Wy1;Wy0)'), liveness)).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringMatching('stores wait in one buffer'),
    })
    expect(check(program('Ax1 || @9(Wy1;Wy0)', 'sc'), liveness)).toMatchObject({ verdict: 'unsafe' })
  })
})

describe('the lasso', () => {
  test('says who is left behind, where, and who goes round', () => {
    const verdict = check(program('F;Ax1 || Wy1;@9(Wz1;F;Wx0;F)'), liveness)
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    const { trail } = verdict
    expect(trail.violation.message).toBe('P0 waits at "await x == 1" for ever, while P1 goes round')
    expect(trail.length).toBe('lasso')
    expect(trail.lasso?.starving).toMatchObject([
      { process: 'P0', how: 'blocked', cells: ['x'], writers: ['P1'] },
      { process: 'P1', how: 'goes-round' },
    ])
    // The cycle begins where the fence of P0 has been passed.
    expect(trail.steps.slice(0, trail.lasso?.stem).map(({ label }) => label)).toContain('fence')
  })
})

describe('as a judge says that shares no code', () => {
  const agrees = (flavour: Flavour, enough: number) => {
    const count = { live: 0, livelock: 0 }
    fc.assert(
      fc.property(threads(flavour), (some) => {
        const random = build(some)
        const wanted = hasFairCycle(random, 300)
        if (wanted === undefined) return
        const verdict = check(random, liveness)
        // What violates something is not looked at further.
        if (verdict.verdict === 'unsafe' && verdict.trail.lasso === undefined) return
        expect(verdict.verdict).toBe(wanted ? 'unsafe' : 'safe')
        count[wanted ? 'livelock' : 'live']++
      }),
      { numRuns: RUNS, seed },
    )
    expect(count.live).toBeGreaterThan(enough)
    expect(count.livelock).toBeGreaterThan(enough)
  }
  test('for loops', () => agrees({ processes: 2, length: 3, handlers: false, loops: true }, RUNS / 20))
  test('for three processes', () =>
    agrees({ processes: 3, length: 2, handlers: false, loops: true }, RUNS / 40))
  test('for interrupts that come any number of times', () =>
    agrees({ processes: 2, length: 2, handlers: true, cycles: true, loops: true }, RUNS / 40))
})

describe('two CPUs that call each other by IPI', () => {
  test('with interrupts off: a deadlock', () => {
    const verdict = check(mutualIpiIrqsOff.build(DEFAULT_OPTIONS), liveness)
    expect(verdict).toMatchObject({
      verdict: 'unsafe',
      property: 'progress',
      trail: { length: 'proved-shortest' },
    })
  })

  test('with interrupts on: safe, and no livelock', () => {
    const verdict = check(mutualIpiIrqsOn.build(DEFAULT_OPTIONS), liveness)
    expect(verdict).toMatchObject({ verdict: 'safe', liveness: { because: 'all-end' } })
  })
})
