/** The claims about the kernel's list builders: where they hold, and where numbers refute them. */
import { HV_TLB_FLUSH_UNIT } from '../abi/range-step.ts'
import {
  BELOW_TOP,
  type Claim,
  type ClaimProperty,
  EVERYWHERE,
  type Lemma,
  LIST_CAPACITY,
  LOOPS,
  legacyPages,
  lemma,
  type Scene,
  sceneOf,
} from './range-scene.ts'
import type { Session, Truth, Word } from './words.ts'

const ALIGNED = 'page-aligned starts'

/** The claims of the kernel's loops, with the conditions under which each is true. */
export function kernelClaims(builder: '2017' | 'today'): Claim[] {
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
