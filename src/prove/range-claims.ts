/**
 * What is claimed of the list builders, as formulas over 64-bit words. A loop may turn 2^40 times, so nothing is
 * unrolled: each claim is one inductive step, for *any* cursor that the loop can have.
 *
 * ```
 *    first            cursor                       last (its page is covered too)
 *      |== done ========|-- entry --|- - rest - - - -|
 *                                   next
 * ```
 *
 * If every entry starts at its cursor, if the next cursor is the page behind the entry, and if the loop stops exactly
 * when an entry ends with the last page, then the list covers [first, last], every page once and nothing else. If the
 * next cursor is above the cursor and not above the last page, the loop ends.
 */
import {
  HV_TLB_FLUSH_UNIT,
  pageBoundsOf,
  type RangeLoop,
  type RangeStep,
  step2017,
  stepExact,
  stepExtended1G,
  stepExtended2M,
  stepToday,
} from '../abi/range-step.ts'
import type { Session, Truth, Word } from './words.ts'

export type BuilderName = '2017' | 'today' | 'exact' | 'extended' | 'extended-1g'

export const BUILDER_NAMES: readonly BuilderName[] = ['2017', 'today', 'exact', 'extended', 'extended-1g']

/** What can be asked of a builder. */
export type ClaimProperty = 'ends' | 'covers' | 'exact' | 'fits'

/** A statement that must hold for all values of its variables. */
export interface Lemma {
  readonly says: string
  formula(session: Session): Truth
}

export interface Claim {
  readonly builder: BuilderName
  readonly property: ClaimProperty
  /** The values that the claim is about. */
  readonly scope: string
  readonly expected: 'proved' | 'refuted'
  readonly lemmas: readonly Lemma[]
  /** For refuted claims: conditions that make the numbers easy to read, tried first. */
  prefer?(session: Session): Truth
}

const LOOPS: Readonly<Record<BuilderName, RangeLoop>> = {
  '2017': step2017,
  today: stepToday,
  exact: stepExact,
  extended: stepExtended2M,
  'extended-1g': stepExtended1G,
}

/** Entries behind the 24-byte header of a list call in one page. */
export const LIST_CAPACITY = 509n
const EVERYWHERE = 'every 64-bit start and end'
const ALIGNED = 'page-aligned starts'
const BELOW_TOP = 0xffff_ffff_ff00_0000n

/** Everything that is claimed. */
export const CLAIMS: readonly Claim[] = [
  ...kernelClaims('2017'),
  ...kernelClaims('today'),
  ...ownClaims('exact'),
  ...ownClaims('extended'),
  ...ownClaims('extended-1g'),
]

/** Variables and the words that every formula needs. */
interface Scene {
  readonly start: Word
  readonly end: Word
  readonly cursor: Word
  readonly bound: Word
  readonly step: RangeStep<Word, Truth>
  /** Addresses of the first and the last page that the step's entry names. */
  readonly from: Word
  readonly to: Word
  word(value: bigint): Word
  not(a: Truth): Truth
  all(...parts: readonly Truth[]): Truth
  implies(a: Truth, b: Truth): Truth
  atMost(a: Word, b: Word): Truth
  aligned(a: Word): Truth
}

/** One turn of a builder's loop at a free cursor; `bound` is `end` for the kernel's loops, the last page for ours. */
function sceneOf(session: Session, builder: BuilderName): Scene {
  const { z3, words } = session
  const isKernel = builder === '2017' || builder === 'today'
  const [start, end] = [session.variable('start'), session.variable('end')]
  const cursor = session.variable('cursor')
  const bound = isKernel ? end : session.variable('last')
  const step = LOOPS[builder](words, cursor, bound)
  const extended = builder === 'extended' || builder === 'extended-1g'
  const { from, to } = extended ? extendedPages(session, step.entry) : legacyPages(session, step.entry)
  const word = words.constant
  return {
    start,
    end,
    cursor,
    bound,
    step,
    from,
    to,
    word,
    not: (a) => z3.Not(a),
    all: (...parts) => parts.reduce((a, b) => z3.And(a, b)),
    implies: (a, b) => z3.Implies(a, b),
    atMost: (a, b) => z3.Not(words.lessThan(b, a)),
    aligned: (a) => words.equal(words.and(a, word(0xfffn)), word(0n)),
  }
}

/** The pages of a legacy element as the specification reads it: bits 63:12 and 11:0. */
function legacyPages({ words: w }: Session, entry: Word): { readonly from: Word; readonly to: Word } {
  const from = w.and(entry, w.constant(0xffff_ffff_ffff_f000n))
  return { from, to: w.add(from, w.shiftLeft(w.and(entry, w.constant(0xfffn)), 12n)) }
}

/** The pages of an extended element: bit 11 large, bit 12 its size, bits 63:21 its number. */
function extendedPages({ words: w }: Session, entry: Word): { readonly from: Word; readonly to: Word } {
  const bit = (n: bigint): Truth => w.equal(w.and(w.shiftRight(entry, n), w.constant(1n)), w.constant(1n))
  const additional = w.and(entry, w.constant(0x7ffn))
  const small = w.and(entry, w.constant(0xffff_ffff_ffff_f000n))
  const large = w.shiftLeft(w.shiftRight(entry, 21n), 21n)
  const count = w.add(additional, w.constant(1n))
  const bytes = w.choose(bit(12n), w.shiftLeft(count, 30n), w.shiftLeft(count, 21n))
  const lastOfLarge = w.sub(w.add(large, bytes), w.constant(0x1000n))
  return {
    from: w.choose(bit(11n), large, small),
    to: w.choose(bit(11n), lastOfLarge, w.add(small, w.shiftLeft(additional, 12n))),
  }
}

function lemma(
  builder: BuilderName,
  says: string,
  formula: (scene: Scene, session: Session) => Truth,
): Lemma {
  return { says, formula: (session) => formula(sceneOf(session, builder), session) }
}

/** The claims of our own loops: cursor and bound are page addresses, and cursor <= bound. */
function ownClaims(builder: 'exact' | 'extended' | 'extended-1g'): Claim[] {
  const invariant = (s: Scene): Truth =>
    s.all(s.aligned(s.cursor), s.aligned(s.bound), s.atMost(s.cursor, s.bound))
  const holds = (says: string, then: (s: Scene, session: Session) => Truth): Lemma =>
    lemma(builder, says, (s, session) => s.implies(invariant(s), then(s, session)))
  const steps = holds('the next cursor is above this one and not beyond the last page', (s) =>
    s.implies(
      s.step.again,
      s.all(s.atMost(s.step.next, s.bound), s.not(s.atMost(s.step.next, s.cursor)), s.aligned(s.step.next)),
    ),
  )
  const claim = (property: ClaimProperty, lemmas: readonly Lemma[]): Claim => ({
    builder,
    property,
    scope: EVERYWHERE,
    expected: 'proved',
    lemmas,
  })
  return [
    claim('ends', [steps]),
    claim('covers', [
      boundsLemma(builder),
      holds('an entry starts at its cursor', (s, { words }) => words.equal(s.from, s.cursor)),
      holds('the next entry starts with the page behind it', (s, { words }) =>
        s.implies(s.step.again, words.equal(s.step.next, words.add(s.to, s.word(0x1000n)))),
      ),
      holds('the last entry ends with the last page', (s, { words }) =>
        s.implies(s.not(s.step.again), words.equal(s.to, s.bound)),
      ),
    ]),
    claim('exact', [
      holds('an entry names no page beyond the last one, and does not wrap', (s) =>
        s.all(s.atMost(s.from, s.to), s.atMost(s.to, s.bound)),
      ),
    ]),
    claim('fits', [
      builder === 'exact'
        ? holds(
            'every entry but the last covers 16 MiB, so that the length is known before',
            (s, { words }) =>
              s.implies(
                s.step.again,
                words.equal(s.step.next, words.add(s.cursor, s.word(HV_TLB_FLUSH_UNIT))),
              ),
          )
        : holds('each entry lowers the bound on the number of entries', (s, session) =>
            s.implies(
              s.step.again,
              session.words.lessThan(
                rank(session, builder, s.step.next, s.bound),
                rank(session, builder, s.cursor, s.bound),
              ),
            ),
          ),
      layoutLemma(),
    ]),
  ]
}

/** `pageBounds`: the first and last page of a range; of an empty one the page of `start`. */
function boundsLemma(builder: BuilderName): Lemma {
  return lemma(builder, 'the bounds are the pages of the first and of the last byte', (s, { words }) => {
    const { first, last } = pageBoundsOf(words, s.start, s.end)
    const near = (low: Word, high: Word): Truth =>
      s.all(s.atMost(low, high), words.lessThan(words.sub(high, low), s.word(0x1000n)))
    const lastByte = words.sub(s.end, s.word(1n))
    return s.all(
      s.aligned(first),
      s.aligned(last),
      s.atMost(first, last),
      near(first, s.start),
      s.implies(words.lessThan(s.start, s.end), near(last, lastByte)),
    )
  })
}

/**
 * An upper bound on the entries that the extended loops still write: one for reaching a large boundary, one for each
 * full large entry, one for a partial one, one for the rest. With 1 GiB entries a partial run of 2 MiB ones can leave a
 * 1 GiB boundary behind, so room for it counts twice.
 */
function rank(session: Session, builder: BuilderName, cursor: Word, last: Word): Word {
  const w = session.words
  const one = w.constant(1n)
  const zero = w.constant(0n)
  const left = w.sub(last, cursor)
  const unaligned = (order: bigint): Word =>
    w.choose(w.equal(w.and(cursor, w.constant((1n << order) - 1n)), zero), zero, one)
  const roomFor = (order: bigint): Word =>
    w.choose(w.lessThan(left, w.constant((1n << order) - 0x1000n)), zero, one)
  const with2M = w.add(w.add(unaligned(21n), roomFor(21n)), one)
  if (builder !== 'extended-1g') return w.add(w.shiftRight(left, 32n), with2M)
  const with1G = w.add(w.add(unaligned(30n), roomFor(30n)), roomFor(21n))
  return w.add(w.add(w.shiftRight(left, 41n), with1G), with2M)
}

/** The pages of both call forms: a list of capacity entries ends with the page, whatever the number of banks. */
function layoutLemma(): Lemma {
  return {
    says: '24 + 8 x 509 and 32 + 8 x banks + 8 x (508 - banks) are at most 4096',
    formula: ({ z3, words: w, variable }) => {
      const banks = variable('banks')
      const eight = (n: Word): Word => w.shiftLeft(n, 3n)
      const list = w.add(w.constant(24n), eight(w.constant(LIST_CAPACITY)))
      const ex = w.add(w.add(w.constant(32n), eight(banks)), eight(w.sub(w.constant(508n), banks)))
      const page = w.constant(4097n)
      return z3.And(
        w.lessThan(list, page),
        z3.Implies(w.lessThan(banks, w.constant(65n)), w.lessThan(ex, page)),
      )
    },
  }
}

/** The claims of the kernel's loops, with the conditions under which each is true. */
function kernelClaims(builder: '2017' | 'today'): Claim[] {
  const below = builder === '2017' ? ', end at most 2^64 - 16 MiB' : ''
  const inRange = (s: Scene, { words }: Session): Truth =>
    builder === '2017'
      ? s.all(words.lessThan(s.cursor, s.end), s.atMost(s.end, s.word(BELOW_TOP)))
      : words.lessThan(s.cursor, s.end)
  const lastPage = (s: Scene, { words }: Session): Word =>
    words.and(words.sub(s.end, s.word(1n)), s.word(0xffff_ffff_ffff_f000n))
  const aligned = (says: string, then: (s: Scene, session: Session) => Truth): Lemma =>
    lemma(builder, says, (s, session) =>
      s.implies(s.all(inRange(s, session), s.aligned(s.cursor)), then(s, session)),
    )
  const proved = (property: ClaimProperty, scope: string, lemmas: readonly Lemma[]): Claim => ({
    builder,
    property,
    scope,
    expected: 'proved',
    lemmas,
  })
  const advances = lemma(builder, 'the next cursor is above this one and below the end', (s, session) =>
    s.implies(
      s.all(inRange(s, session), s.step.again),
      s.all(session.words.lessThan(s.cursor, s.step.next), session.words.lessThan(s.step.next, s.end)),
    ),
  )
  return [
    proved('ends', `${EVERYWHERE}${below}`, builder === 'today' ? [advances, stopsWhenEmpty()] : [advances]),
    ...(builder === '2017' ? [endlessClaim()] : []),
    proved('covers', `${ALIGNED}${below}`, [
      aligned('an entry starts at its cursor', (s, { words }) => words.equal(s.from, s.cursor)),
      aligned('the next entry starts with the page behind it', (s, { words }) =>
        s.implies(s.step.again, words.equal(s.step.next, words.add(s.to, s.word(0x1000n)))),
      ),
      aligned('the last entry ends with the last page', (s, session) =>
        s.implies(s.not(s.step.again), session.words.equal(s.to, lastPage(s, session))),
      ),
    ]),
    missedPageClaim(builder),
    proved('exact', `${EVERYWHERE}${below}`, [
      lemma(builder, 'an entry names no page beyond the last one, and does not wrap', (s, session) =>
        s.implies(inRange(s, session), s.all(s.atMost(s.from, s.to), s.atMost(s.to, lastPage(s, session)))),
      ),
    ]),
    overflowClaim(builder),
  ]
}

/** An empty range, start at or above end, gives one entry. */
function stopsWhenEmpty(): Lemma {
  return lemma('today', 'at or above the end there is no further turn', (s) =>
    s.implies(s.atMost(s.end, s.cursor), s.not(s.step.again)),
  )
}

/**
 * The 2017 cursor runs through all addresses congruent to start modulo 16 MiB; the loop ends only if one of them is
 * at or above end. The highest is start with all higher bits set.
 */
function endlessClaim(): Claim {
  return {
    builder: '2017',
    property: 'ends',
    scope: EVERYWHERE,
    expected: 'refuted',
    lemmas: [
      lemma('2017', 'some address congruent to start modulo 16 MiB is at or above end', (s, { words }) =>
        s.implies(words.lessThan(s.start, s.end), s.atMost(s.end, words.or(s.start, s.word(BELOW_TOP)))),
      ),
    ],
    prefer: (session) => {
      const s = sceneOf(session, '2017')
      const { words } = session
      const nearTop = s.atMost(s.word(BELOW_TOP), s.start)
      return s.all(nearTop, s.aligned(s.start), words.equal(s.end, s.word(0xffff_ffff_ffff_f000n)))
    },
  }
}

/** A single-entry list whose entry stops short of the page of the last byte. */
function missedPageClaim(builder: '2017' | 'today'): Claim {
  return {
    builder,
    property: 'covers',
    scope: EVERYWHERE,
    expected: 'refuted',
    lemmas: [
      {
        says: 'a list of one entry reaches the page of the last byte',
        formula: (session) => {
          const { words: w, z3, variable } = session
          const [start, end] = [variable('start'), variable('end')]
          const { entry, again } = LOOPS[builder](w, start, end)
          const last = w.and(w.sub(end, w.constant(1n)), w.constant(0xffff_ffff_ffff_f000n))
          const short = w.lessThan(legacyPages(session, entry).to, last)
          return z3.Implies(z3.And(w.lessThan(start, end), z3.Not(again)), z3.Not(short))
        },
      },
    ],
    prefer: ({ words: w, z3, variable }) => {
      const [start, end] = [variable('start'), variable('end')]
      const round = w.equal(w.and(w.or(start, end), w.constant(0x7ffn)), w.constant(0n))
      return z3.And(
        z3.And(w.lessThan(w.constant(0x1000n), start), w.lessThan(end, w.constant(0x3000n))),
        round,
      )
    },
  }
}

/** The kernel's cut-over `(end - start) / unit > capacity` rounds down: entry number `capacity` can be written. */
function overflowClaim(builder: '2017' | 'today'): Claim {
  return {
    builder,
    property: 'fits',
    scope: EVERYWHERE,
    expected: 'refuted',
    lemmas: [
      {
        says: 'after the cut-over the cursor of entry number 509 is not below the end',
        formula: ({ words: w, z3, variable }) => {
          const [start, end] = [variable('start'), variable('end')]
          const units = w.shiftRight(w.sub(end, start), 24n)
          const list = z3.Not(w.lessThan(w.constant(LIST_CAPACITY), units))
          const beyond = w.add(start, w.constant(LIST_CAPACITY * HV_TLB_FLUSH_UNIT))
          const noWrap = z3.And(w.lessThan(start, beyond), w.lessThan(start, end))
          return z3.Implies(z3.And(list, noWrap), z3.Not(w.lessThan(beyond, end)))
        },
      },
    ],
    prefer: ({ words: w, z3, variable }) => {
      const end = variable('end')
      const isAligned = w.equal(w.and(end, w.constant(0xfffn)), w.constant(0n))
      const top = w.add(
        w.constant(0x7f00_0000_0000n),
        w.constant(LIST_CAPACITY * HV_TLB_FLUSH_UNIT + 0x2000n),
      )
      return z3.And(
        z3.And(w.equal(variable('start'), w.constant(0x7f00_0000_0000n)), isAligned),
        w.lessThan(end, top),
      )
    },
  }
}
