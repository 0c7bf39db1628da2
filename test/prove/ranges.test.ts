import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BIGINT_WORDS,
  pageBoundsOf,
  type RangeLoop,
  step2017,
  stepExact,
  stepExtended1G,
  stepExtended2M,
  stepToday,
} from '../../src/abi/range-step.ts'
import { proveRanges } from '../../src/prove/prove-ranges.ts'
import { BUILDER_NAMES } from '../../src/prove/range-scene.ts'
import { openSession, type Session, type Word } from '../../src/prove/words.ts'

describe('the claims', () => {
  test('come out as documented, and the code shows what the counterexamples say', async () => {
    const results = await proveRanges(BUILDER_NAMES, 120)
    const table = results.map((r) => `${r.claim.builder} ${r.claim.property}: ${r.outcome}, ${r.claim.scope}`)
    expect(table).toMatchInlineSnapshot(`
      [
        "2017 ends: proved, every 64-bit start and end, end at most 2^64 - 16 MiB",
        "2017 ends: refuted, every 64-bit start and end",
        "2017 covers: proved, page-aligned starts, end at most 2^64 - 16 MiB",
        "2017 covers: refuted, every 64-bit start and end",
        "2017 exact: proved, every 64-bit start and end, end at most 2^64 - 16 MiB",
        "2017 fits: refuted, every 64-bit start and end",
        "today ends: proved, every 64-bit start and end",
        "today covers: proved, page-aligned starts",
        "today covers: refuted, every 64-bit start and end",
        "today exact: proved, every 64-bit start and end",
        "today fits: refuted, every 64-bit start and end",
        "exact ends: proved, every 64-bit start and end",
        "exact covers: proved, every 64-bit start and end",
        "exact exact: proved, every 64-bit start and end",
        "exact fits: proved, every 64-bit start and end",
        "extended ends: proved, every 64-bit start and end",
        "extended covers: proved, every 64-bit start and end",
        "extended exact: proved, every 64-bit start and end",
        "extended fits: proved, every 64-bit start and end",
        "extended-1g ends: proved, every 64-bit start and end",
        "extended-1g covers: proved, every 64-bit start and end",
        "extended-1g exact: proved, every 64-bit start and end",
        "extended-1g fits: proved, every 64-bit start and end",
      ]
    `)
    for (const { claim, outcome, counterexample } of results) {
      expect(outcome).toBe(claim.expected)
      expect(counterexample?.run ?? '').not.toContain('NOT CONFIRMED')
    }
  }, 180_000)
})

describe('the formulas', () => {
  let session: Session
  beforeAll(async () => {
    session = await openSession(10)
  })
  afterAll(() => session.close())

  const half = fc.integer({ min: 0, max: 0xffff_ffff })
  const word = fc.tuple(half, half).map(([high, low]) => (BigInt(high) << 32n) | BigInt(low))
  const near = fc
    .tuple(word, fc.integer({ min: -2, max: 0x4000_0000 }))
    .map(([w, d]): [bigint, bigint] => [w, BigInt.asUintN(64, w + BigInt(d))])
  const pair = fc.oneof(near, fc.tuple(word, word))

  async function constantOf(formula: Word): Promise<bigint> {
    const simple = await session.z3.simplify(formula)
    if (!session.z3.isBitVecVal(simple)) throw new Error('not a constant')
    return simple.value()
  }

  test.each<[string, RangeLoop, bigint]>([
    ['step2017', step2017, 1n],
    ['stepToday', stepToday, 1n],
    ['stepExact', stepExact, 0x1000n],
    ['stepExtended2M', stepExtended2M, 0x1000n],
    ['stepExtended1G', stepExtended1G, 0x1000n],
  ])('%s computes the same over vectors and over bigints', async (_name, loop, unit) => {
    const { words, z3 } = session
    await fc.assert(
      fc.asyncProperty(pair, async ([a, b]) => {
        const [cursor, bound] = [a - (a % unit), b - (b % unit)]
        const real = loop(BIGINT_WORDS, cursor, bound)
        const symbolic = loop(words, words.constant(cursor), words.constant(bound))
        const again = z3.If(symbolic.again, words.constant(1n), words.constant(0n))
        expect(await constantOf(symbolic.entry)).toBe(real.entry)
        expect(await constantOf(symbolic.next)).toBe(real.next)
        expect(await constantOf(again)).toBe(real.again ? 1n : 0n)
      }),
      { numRuns: 100 },
    )
  })

  test('the page bounds likewise', async () => {
    const { words } = session
    await fc.assert(
      fc.asyncProperty(pair, async ([start, end]) => {
        const real = pageBoundsOf(BIGINT_WORDS, start, end)
        const symbolic = pageBoundsOf(words, words.constant(start), words.constant(end))
        expect(await constantOf(symbolic.first)).toBe(real.first)
        expect(await constantOf(symbolic.last)).toBe(real.last)
      }),
      { numRuns: 100 },
    )
  })
})
