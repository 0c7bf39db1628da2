/** The claims about our own list builders: all of them hold, for every 64-bit start and end. */
import { HV_TLB_FLUSH_UNIT, pageBoundsOf } from '../abi/range-step.ts'
import {
  type BuilderName,
  type Claim,
  type ClaimProperty,
  EVERYWHERE,
  type Lemma,
  LIST_CAPACITY,
  lemma,
  type Scene,
} from './range-scene.ts'
import type { Session, Truth, Word } from './words.ts'

/** The claims of our own loops: cursor and bound are page addresses, and cursor <= bound. */
export function ownClaims(builder: 'exact' | 'extended' | 'extended-1g'): Claim[] {
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
