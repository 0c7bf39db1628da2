/**
 * One turn of each loop that fills a flush list, written once over an abstract 64-bit word. Run over `bigint` it is
 * the code that builds lists (`fill-gva-list.ts`); run over bit-vectors it is the formula that `prove` reasons about.
 * So what is proved is the code that runs.
 *
 * Every loop has the same frame: from a cursor and a bound a turn gives one list entry, the next cursor, and whether
 * the loop goes round again. The first turn always happens: a list call needs at least one element.
 */

/** Arithmetic modulo 2^64 and unsigned comparison, over words `W` and truth values `B`. */
export interface WordAlgebra<W, B> {
  constant(value: bigint): W
  add(a: W, b: W): W
  sub(a: W, b: W): W
  and(a: W, b: W): W
  or(a: W, b: W): W
  shiftLeft(a: W, bits: bigint): W
  shiftRight(a: W, bits: bigint): W
  lessThan(a: W, b: W): B
  equal(a: W, b: W): B
  both(a: B, b: B): B
  choose(condition: B, yes: W, no: W): W
}

/** What one turn of a loop does. */
export interface RangeStep<W, B> {
  /** The list entry that this turn writes. */
  readonly entry: W
  /** The cursor of the next turn. */
  readonly next: W
  /** Whether there is a next turn. */
  readonly again: B
}

/** A loop: one turn at `cursor`, towards `bound`. */
export type RangeLoop = <W, B>(algebra: WordAlgebra<W, B>, cursor: W, bound: W) => RangeStep<W, B>

/** What one full legacy entry covers: 4096 pages, the kernel's HV_TLB_FLUSH_UNIT. */
export const HV_TLB_FLUSH_UNIT = 0x100_0000n
const PAGE_MASK = 0xffff_ffff_ffff_f000n
const OFFSET_MASK = 0xfffn

/**
 * The loop of the 2017 patch (2ffd9e33ce4a). The cursor is an unrounded address and always advances by a whole unit,
 * so that it wraps near the top of the address space and the loop has no end (fixed in 4030b4c585c4).
 */
export const step2017: RangeLoop = (a, cursor, end) => {
  const zero = a.constant(0n)
  const diff = a.choose(a.lessThan(cursor, end), a.sub(end, cursor), zero)
  const next = a.add(cursor, a.constant(HV_TLB_FLUSH_UNIT))
  return { entry: entryOfDiff(a, cursor, diff), next, again: a.lessThan(next, end) }
}

/** Today's loop: it never steps beyond the end. An unaligned start still loses its last page. */
export const stepToday: RangeLoop = (a, cursor, end) => {
  const zero = a.constant(0n)
  const unit = a.constant(HV_TLB_FLUSH_UNIT)
  const diff = a.choose(a.lessThan(cursor, end), a.sub(end, cursor), zero)
  const shortStep = a.choose(a.equal(diff, zero), cursor, end)
  const next = a.choose(a.lessThan(diff, unit), shortStep, a.add(cursor, unit))
  return { entry: entryOfDiff(a, cursor, diff), next, again: a.lessThan(next, end) }
}

/** `cur & PAGE_MASK`, with 4095 more pages for a whole unit, `(diff - 1) >> PAGE_SHIFT` for less, 0 for nothing. */
function entryOfDiff<W, B>(a: WordAlgebra<W, B>, cursor: W, diff: W): W {
  const base = a.and(cursor, a.constant(PAGE_MASK))
  const some = a.or(base, a.shiftRight(a.sub(diff, a.constant(1n)), 12n))
  const short = a.choose(a.equal(diff, a.constant(0n)), base, some)
  return a.choose(a.lessThan(diff, a.constant(HV_TLB_FLUSH_UNIT)), short, a.or(base, a.constant(OFFSET_MASK)))
}

/**
 * Our loop for the legacy format. The cursor is the address of the next page, `last` that of the last page
 * (inclusive), so that the whole address space can be named and nothing has to be larger than 2^64.
 */
export const stepExact: RangeLoop = (a, cursor, last) => {
  const most = a.constant(4095n)
  const left = a.shiftRight(a.sub(last, cursor), 12n)
  const again = a.lessThan(most, left)
  const additional = a.choose(again, most, left)
  const pages = a.add(additional, a.constant(1n))
  return { entry: a.or(cursor, additional), next: a.add(cursor, a.shiftLeft(pages, 12n)), again }
}

/**
 * Our loop for the extended format with entries up to 2 MiB: 4 KiB entries up to the first 2 MiB boundary, large
 * entries of up to 2048 x 2 MiB, 4 KiB entries for the rest. Cursor and `last` as for {@link stepExact}.
 */
export const stepExtended2M: RangeLoop = (a, cursor, last) => {
  const count = pagesLeft(a, cursor, last)
  const large = largeTurn(a, cursor, count, 9n, a.constant(2048n))
  return finish(a, cursor, count, largeOr(a, large, 0x800n, smallTurn(a, cursor, count)))
}

/** As {@link stepExtended2M}, with 1 GiB entries where they fit (their encoding is unverified against Hyper-V). */
export const stepExtended1G: RangeLoop = (a, cursor, last) => {
  const count = pagesLeft(a, cursor, last)
  const gibi = largeTurn(a, cursor, count, 18n, a.constant(2048n))
  const within = a.and(a.shiftRight(cursor, 21n), a.constant(511n))
  const large = largeTurn(a, cursor, count, 9n, a.sub(a.constant(512n), within))
  const below = largeOr(a, large, 0x800n, smallTurn(a, cursor, count))
  return finish(a, cursor, count, largeOr(a, gibi, 0x1800n, below))
}

/** The addresses of the first and the last page that [start, end) touches; of the page of `start` when it is empty. */
export function pageBoundsOf<W, B>(
  a: WordAlgebra<W, B>,
  start: W,
  end: W,
): { readonly first: W; readonly last: W } {
  const mask = a.constant(PAGE_MASK)
  const first = a.and(start, mask)
  const last = a.and(a.sub(end, a.constant(1n)), mask)
  return { first, last: a.choose(a.lessThan(start, end), last, first) }
}

/** How many 4 KiB pages a turn takes, and the low bits of its entry. */
interface Turn<W> {
  readonly pages: W
  readonly low: W
}

function pagesLeft<W, B>(a: WordAlgebra<W, B>, cursor: W, last: W): W {
  return a.add(a.shiftRight(a.sub(last, cursor), 12n), a.constant(1n))
}

/** Up to `most` pages of 2^order base pages, if the cursor is aligned to one and one is left. */
function largeTurn<W, B>(a: WordAlgebra<W, B>, cursor: W, count: W, order: bigint, most: W) {
  const zero = a.constant(0n)
  const available = a.shiftRight(count, order)
  const taken = a.choose(a.lessThan(available, most), available, most)
  const aligned = a.equal(a.and(cursor, a.constant((1n << (order + 12n)) - 1n)), zero)
  const usable = a.both(aligned, a.lessThan(zero, available))
  return { usable, pages: a.shiftLeft(taken, order), additional: a.sub(taken, a.constant(1n)) }
}

function largeOr<W, B>(
  a: WordAlgebra<W, B>,
  large: { readonly usable: B; readonly pages: W; readonly additional: W },
  size: bigint,
  otherwise: Turn<W>,
): Turn<W> {
  return {
    pages: a.choose(large.usable, large.pages, otherwise.pages),
    low: a.choose(large.usable, a.or(large.additional, a.constant(size)), otherwise.low),
  }
}

/** 4 KiB pages: up to the next 2 MiB boundary if a large page follows it, else all of the (at most 1023) rest. */
function smallTurn<W, B>(a: WordAlgebra<W, B>, cursor: W, count: W): Turn<W> {
  const within = a.and(a.shiftRight(cursor, 12n), a.constant(511n))
  const toBoundary = a.sub(a.constant(512n), within)
  const restIsSmall = a.lessThan(count, a.add(toBoundary, a.constant(512n)))
  const pages = a.choose(restIsSmall, count, toBoundary)
  return { pages, low: a.sub(pages, a.constant(1n)) }
}

function finish<W, B>(a: WordAlgebra<W, B>, cursor: W, count: W, turn: Turn<W>): RangeStep<W, B> {
  return {
    entry: a.or(cursor, turn.low),
    next: a.add(cursor, a.shiftLeft(turn.pages, 12n)),
    again: a.lessThan(turn.pages, count),
  }
}

/** The word algebra of the code that runs. */
export const BIGINT_WORDS: WordAlgebra<bigint, boolean> = {
  constant: (value) => value,
  add: (a, b) => BigInt.asUintN(64, a + b),
  sub: (a, b) => BigInt.asUintN(64, a - b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  shiftLeft: (a, bits) => BigInt.asUintN(64, a << bits),
  shiftRight: (a, bits) => a >> bits,
  lessThan: (a, b) => a < b,
  equal: (a, b) => a === b,
  both: (a, b) => a && b,
  choose: (condition, yes, no) => (condition ? yes : no),
}
