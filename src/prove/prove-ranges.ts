/** Asks z3 every claim about the list builders, and runs the code on the numbers that it finds. */
import { hex } from '../abi/bytes.ts'
import {
  fillGvaList,
  fillGvaList2017,
  fillGvaListExact,
  fillGvaListExtended,
  type GvaList,
  kernelPrefersSpace,
  pageBounds,
} from '../abi/fill-gva-list.ts'
import { decodeGvaRange, gvaRangeSpan } from '../abi/gva-range.ts'
import { CLAIMS } from './range-claims.ts'
import { type BuilderName, type Claim, LIST_CAPACITY } from './range-scene.ts'
import { openSession, type Session } from './words.ts'

/** The outcome of one claim. */
export interface ClaimResult {
  readonly claim: Claim
  readonly outcome: 'proved' | 'refuted' | 'unknown'
  /** Lemmas proved, or the one that fails. */
  readonly lemmas: readonly string[]
  /** Of a refuted claim: the numbers, and what the code does with them. */
  readonly counterexample?: { readonly start: bigint; readonly end: bigint; readonly run: string }
  readonly reason?: string
  readonly milliseconds: number
}

const BUILDERS: Readonly<Record<BuilderName, (start: bigint, end: bigint, capacity: number) => GvaList>> = {
  '2017': fillGvaList2017,
  today: fillGvaList,
  exact: fillGvaListExact,
  extended: fillGvaListExtended,
  'extended-1g': (start, end, capacity) => fillGvaListExtended(start, end, capacity, '1G'),
}

/** Asks the claims about the named builders in turn; `onResult` sees each answer when it is there. */
export async function proveRanges(
  builders: readonly BuilderName[],
  timeoutSeconds: number,
  onResult: (result: ClaimResult) => void = () => {},
): Promise<ClaimResult[]> {
  const session = await openSession(timeoutSeconds)
  const results: ClaimResult[] = []
  try {
    for (const claim of CLAIMS.filter((c) => builders.includes(c.builder))) {
      const result = await settle(session, claim)
      onResult(result)
      results.push(result)
    }
  } finally {
    session.close()
  }
  return results
}

/** A claim is proved when no lemma can be false; it is refuted by the first one that can. */
async function settle(session: Session, claim: Claim): Promise<ClaimResult> {
  const started = performance.now()
  const done = (rest: Omit<ClaimResult, 'claim' | 'milliseconds'>): ClaimResult => ({
    claim,
    ...rest,
    milliseconds: Math.round(performance.now() - started),
  })
  const lemmas: string[] = []
  for (const lemma of claim.lemmas) {
    const violated = session.z3.Not(lemma.formula(session))
    const easy = claim.prefer === undefined ? violated : session.z3.And(violated, claim.prefer(session))
    let answer = await session.ask(easy, ['start', 'end'])
    if (answer.kind === 'no' && claim.prefer !== undefined)
      answer = await session.ask(violated, ['start', 'end'])
    if (answer.kind === 'unknown')
      return done({ outcome: 'unknown', lemmas: [lemma.says], reason: answer.reason })
    if (answer.kind === 'yes') {
      const [start, end] = [answer.values.get('start') ?? 0n, answer.values.get('end') ?? 0n]
      const run = runOn(claim, start, end)
      return done({ outcome: 'refuted', lemmas: [lemma.says], counterexample: { start, end, run } })
    }
    lemmas.push(lemma.says)
  }
  return done({ outcome: 'proved', lemmas })
}

/** What the code itself does with the numbers of a counterexample. */
function runOn(claim: Claim, start: bigint, end: bigint): string {
  const build = BUILDERS[claim.builder]
  const capacity = Number(LIST_CAPACITY)
  if (claim.property === 'ends') {
    const entries = 1_000_000
    const { outcome } = build(start, end, entries)
    return outcome === 'overflows' ? `still running after ${entries} entries` : 'ends: NOT CONFIRMED'
  }
  const list = build(start, end, capacity + 1)
  if (claim.property === 'fits') {
    const bytes = 24 + 8 * list.entries.length
    const isList = !kernelPrefersSpace(start, end, capacity)
    return `${list.entries.length} entries, ${bytes} bytes${isList && bytes > 4096 ? '' : ': NOT CONFIRMED'}`
  }
  const { first, last } = pageBounds(start, end)
  const entry = list.entries[0] ?? 0n
  const span = gvaRangeSpan(decodeGvaRange(entry, 'legacy'))
  const covered = BigInt(span.first + span.count - 1) << 12n
  const missed = covered < last ? `page ${hex(last)} is missing` : 'NOT CONFIRMED'
  return `pages ${hex(first)} to ${hex(last)} are needed, the list is ${list.entries.map(hex).join(' ')}: ${missed}`
}
