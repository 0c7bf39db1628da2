/** The list builders against plain transcriptions of the kernel's loops, and against what a list must be. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeGvaRange,
  fillGvaList,
  fillGvaList2017,
  fillGvaListExact,
  fillGvaListExtended,
  flushFormOf,
  type GvaList,
  type GvaRangeFormat,
  gvaListLength,
  gvaRangeSpan,
  kernelPrefersSpace,
  pageBounds,
} from '../../src/abi/index.ts'

const CASES = { numRuns: 100_000 }
const UNIT = 0x1000000n
const TOP = 1n << 64n

/** The kernel's loop as its C reads, `advance` being the only difference between then and now. */
function plainFill(start: bigint, end: bigint, capacity: number, advance: 'unit' | 'clamped'): GvaList {
  const entries: bigint[] = []
  let cur = start
  do {
    if (entries.length === capacity) return { entries, outcome: 'overflows' }
    const diff = end > cur ? end - cur : 0n
    let entry = cur - (cur % 4096n)
    if (diff >= UNIT) entry |= 0xfffn
    else if (diff > 0n) entry |= (diff - 1n) / 4096n
    entries.push(entry)
    if (advance === 'unit' || diff >= UNIT) cur = (cur + UNIT) % TOP
    else if (diff > 0n) cur = end
  } while (cur < end)
  return { entries, outcome: 'complete' }
}

/** Starts and lengths where the faults are: near units, near the top, unaligned, empty. */
const offset = fc.constantFrom(0n, 1n, 0x7ffn, 0x800n, 0xfffn, 0x1000n, 0x1001n, 0x200000n, 0xfff000n)
const base = fc.oneof(
  fc.constantFrom(0n, 0x7f0000000000n, 0xffff800000000000n, 0xfffffffffe000000n, 0xffffffffff000000n),
  fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)).map(([h, l]) => (BigInt(h) << 32n) | BigInt(l)),
)
const start = fc.tuple(base, offset).map(([b, o]) => (b + o) % TOP)
const length = fc.oneof(
  fc.tuple(fc.nat(6), offset, fc.constantFrom(0n, 1n, -1n)).map(([n, o, d]) => BigInt(n) * UNIT + o + d),
  fc.nat(0x7fffffff).map(BigInt),
)
const range = fc.tuple(start, length).map(([s, l]): [bigint, bigint] => {
  const end = s + l < 0n ? 0n : s + l
  return [s, end < TOP ? end : TOP - 1n]
})

function same(a: GvaList, b: GvaList): boolean {
  return (
    a.outcome === b.outcome &&
    a.entries.length === b.entries.length &&
    a.entries.every((e, k) => e === b.entries[k])
  )
}

describe('the kernel loops', () => {
  test('the 2017 builder is the 2017 loop', () => {
    fc.assert(
      fc.property(range, ([s, e]) => same(fillGvaList2017(s, e, 40), plainFill(s, e, 40, 'unit'))),
      CASES,
    )
  })

  test("today's builder is today's loop", () => {
    fc.assert(
      fc.property(range, ([s, e]) => same(fillGvaList(s, e, 40), plainFill(s, e, 40, 'clamped'))),
      CASES,
    )
  })

  test('the cut-over lets 510 entries into a page of 509', () => {
    const [s, e] = [0x7f0000000000n, 0x7f0000000000n + 509n * UNIT + 4096n]
    expect(kernelPrefersSpace(s, e, 509)).toBe(false)
    expect(gvaListLength(s, e)).toBe(510)
    expect(fillGvaList(s, e, 509).outcome).toBe('overflows')
    expect(kernelPrefersSpace(s, e + UNIT, 509)).toBe(true)
  })
})

/** Runs of the list in order; each must start where the one before ended. */
function coversExactly(list: GvaList, format: GvaRangeFormat, s: bigint, e: bigint): boolean {
  const { first, last } = pageBounds(s, e)
  let page = first >> 12n
  for (const entry of list.entries) {
    const range = decodeGvaRange(entry, format)
    const span = gvaRangeSpan(range)
    if (BigInt(span.first) !== page || range.reserved !== 0) return false
    page += BigInt(span.count)
  }
  return page === (last >> 12n) + 1n
}

describe('the form of a flush', () => {
  const start = 0x7f0000000000n
  test.each<[string, bigint, 'kernel' | 'exact', string]>([
    ['everything', 0xffff_ffff_ffff_ffffn, 'kernel', 'all'],
    ['one page', start + 4096n, 'kernel', 'list'],
    ['509 units', start + 509n * UNIT, 'kernel', 'list'],
    ['509 units and a page', start + 509n * UNIT + 4096n, 'kernel', 'list'],
    ['509 units and a page', start + 509n * UNIT + 4096n, 'exact', 'space'],
    ['510 units', start + 510n * UNIT, 'kernel', 'space'],
  ])('%s up to %s by the %s cut-over is %s', (_what, end, cutOver, form) => {
    expect(flushFormOf(start, end, 509, cutOver)).toBe(form)
  })
})

describe('our loops', () => {
  test('the legacy list is exactly the pages that the range touches', () => {
    fc.assert(
      fc.property(range, ([s, e]) => {
        const list = fillGvaListExact(s, e, 1000)
        return list.entries.length === gvaListLength(s, e) && coversExactly(list, 'legacy', s, e)
      }),
      CASES,
    )
  })

  test.each(['2M', '1G'] as const)('the extended list up to %s likewise', (largest) => {
    fc.assert(
      fc.property(range, ([s, e]) => {
        const list = fillGvaListExtended(s, e, 1000, largest)
        return list.outcome === 'complete' && coversExactly(list, 'extended', s, e)
      }),
      CASES,
    )
  })

  test('half of the address space, and all of it', () => {
    expect(fillGvaListExtended(0n, 1n << 47n, 1000, '1G').entries).toHaveLength(64)
    expect(fillGvaListExact(0n, TOP - 1n, 509).outcome).toBe('overflows')
    expect(gvaListLength(0n, TOP - 1n)).toBe(2 ** 40)
  })

  test('an empty range is the page of its start', () => {
    for (const fill of [fillGvaList2017, fillGvaList, fillGvaListExact, fillGvaListExtended]) {
      expect(fill(0x5123n, 0x5123n, 509)).toEqual({ entries: [0x5000n], outcome: 'complete' })
    }
  })

  test('a large range takes few entries', () => {
    const list = fillGvaListExtended(0x7f00001ff000n, 0x7f0040000000n + 0x1000n, 509)
    expect(list.entries).toEqual([0x7f00001ff000n, 0x7f0000200800n | 510n, 0x7f0040000000n])
  })
})
