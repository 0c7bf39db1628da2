/** What a claim about a list builder is, and the scene in which its formulas play: one turn of a loop at any cursor. */
import {
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

/** A statement about a builder: lemmas that together make it true, or one that numbers refute. */
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

/** The loop of each builder. */
export const LOOPS: Readonly<Record<BuilderName, RangeLoop>> = {
  '2017': step2017,
  today: stepToday,
  exact: stepExact,
  extended: stepExtended2M,
  'extended-1g': stepExtended1G,
}

/** Entries behind the 24-byte header of a list call in one page. */
export const LIST_CAPACITY = 509n
/** Scopes of claims. */
export const EVERYWHERE = 'every 64-bit start and end'
/** The last 16 MiB of the address space begin here. */
export const BELOW_TOP = 0xffff_ffff_ff00_0000n

/** Variables and the words that every formula needs. */
export interface Scene {
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
export function sceneOf(session: Session, builder: BuilderName): Scene {
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
export function legacyPages({ words: w }: Session, entry: Word): { readonly from: Word; readonly to: Word } {
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

/** A lemma about one turn of a builder's loop. */
export function lemma(
  builder: BuilderName,
  says: string,
  formula: (scene: Scene, session: Session) => Truth,
): Lemma {
  return { says, formula: (session) => formula(sceneOf(session, builder), session) }
}
