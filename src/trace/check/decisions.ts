/**
 * What a check finds. A *decision* is one thing that the recorded kernel decided and that ours predicts from the
 * recorded inputs.
 */

/** The decisions, in the order in which a flush takes them. */
export const DECISIONS = [
  'full or ranged',
  'generation',
  'place',
  'mask',
  'pages sent',
  'CPUs interrupted',
  'outcome on a CPU',
  'pages flushed',
  'done on return',
  'hypercall',
  'host flushes enough',
] as const
export type Decision = (typeof DECISIONS)[number]

/**
 * - `agreed`: predicted as recorded
 * - `race`: as recorded for an order of events that the recording shows to be possible
 * - `lost`: an event that explains it was lost
 * - `unexplained`: neither
 * - `unchecked`: an input is not in the recording
 */
export type Standing = 'agreed' | 'race' | 'lost' | 'unexplained' | 'unchecked'
export const STANDINGS: readonly Standing[] = ['agreed', 'race', 'lost', 'unexplained', 'unchecked']

/** The races that explain a disagreement, each with the scenario in which the explorer produces it; the host's has none. */
export const RACES = {
  'joins the mask': 'trace-race-joins-mask',
  'leaves the mask': 'trace-race-leaves-mask',
  'goes lazy': 'trace-race-goes-lazy',
  'leaves lazy mode': 'trace-race-leaves-lazy',
  'generations merge': 'trace-race-generations-merge',
  'orders merge': null,
} as const
export type Race = keyof typeof RACES

/** A prediction that does not come out as recorded at first sight. */
export interface Disagreement {
  readonly decision: Decision
  readonly standing: 'race' | 'lost' | 'unexplained'
  /** Lines of the recording that it is about, the decision's own first. */
  readonly lines: readonly number[]
  /** Lines of the host's recording, where one is at hand. */
  readonly hostLines?: readonly number[]
  readonly cpu: number
  readonly predicted: string
  readonly recorded: string
  readonly why: string
  readonly race?: Race
}

/** Disagreements that are kept one by one; beyond, they are counted. */
const KEPT = 100_000

/** Counts decisions, and keeps what did not agree. */
export class Findings {
  readonly disagreements: Disagreement[] = []
  readonly #counts = new Map<Decision, Map<Standing, number>>()
  readonly #races = new Map<Race, number>()

  agreed(decision: Decision): void {
    this.#count(decision, 'agreed')
  }

  /** An input is missing: nothing can be predicted. */
  unchecked(decision: Decision): void {
    this.#count(decision, 'unchecked')
  }

  disagree(found: Disagreement): void {
    this.#count(found.decision, found.standing)
    if (found.race !== undefined) this.#races.set(found.race, (this.#races.get(found.race) ?? 0) + 1)
    if (this.disagreements.length < KEPT) this.disagreements.push(found)
  }

  /** `agreed` when both are the same, else unexplained. */
  expect(
    decision: Decision,
    predicted: string,
    recorded: string,
    where: {
      readonly lines: readonly number[]
      readonly cpu: number
      readonly hostLines?: readonly number[]
    },
  ): void {
    if (predicted === recorded) this.agreed(decision)
    else
      this.disagree({
        decision,
        standing: 'unexplained',
        ...where,
        predicted,
        recorded,
        why: 'no race and no lost event',
      })
  }

  count(decision: Decision, standing: Standing): number {
    return this.#counts.get(decision)?.get(standing) ?? 0
  }

  total(standing: Standing): number {
    return DECISIONS.reduce((sum, decision) => sum + this.count(decision, standing), 0)
  }

  /** Decisions that could be predicted. */
  get checked(): number {
    return STANDINGS.reduce((sum, standing) => sum + (standing === 'unchecked' ? 0 : this.total(standing)), 0)
  }

  /** How often each race explains something. */
  get races(): readonly (readonly [Race, number])[] {
    return [...this.#races].sort(([, a], [, b]) => b - a)
  }

  #count(decision: Decision, standing: Standing): void {
    const counts = this.#counts.get(decision) ?? new Map<Standing, number>()
    this.#counts.set(decision, counts)
    counts.set(standing, (counts.get(standing) ?? 0) + 1)
  }
}
