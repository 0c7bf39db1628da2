/** What a search is told, and what it tells. */
import type { Violation } from '../core/violation.ts'
import type { Clock } from './clock.ts'
import type { ExpansionOptions, Explored } from './expansion.ts'
import type { Crew } from './parallel/crew.ts'
import type { StateStore } from './store.ts'
import type { Representatives } from './symmetry/symmetry.ts'
import type { Action } from './verdict.ts'

export interface SearchOptions extends ExpansionOptions {
  readonly maxStates: number
  /** Polled between states: a reason to stop. */
  readonly clock: Clock
  /** Polled between states: true gives up a search whose result could not count any more. */
  readonly hopeless?: (states: number) => boolean
  /** Go on after violations, and gather what there is. */
  readonly collect?: Collection
  /** Who else searches, when it is worth it. */
  readonly crew?: Crew | undefined
  /** Told of every state, in the order of expansion, what was explored of it: a persistent set, as {@link Explored} has it. */
  readonly onExpanded?: (explored: Explored) => void
  /** Keep representatives only. */
  readonly symmetry?: Representatives | undefined
}

/** What a search that goes on after violations finds. */
export interface Collection {
  readonly terminals: Set<string>
  readonly violations: Set<string>
}

export interface SearchResult {
  readonly states: number
  readonly transitions: number
  readonly bytes: number
  /** All states; undefined where several threads have them. */
  readonly store: StateStore | undefined
  /** How often a persistent set led to expanded states only, and another was added. */
  readonly enlarged: number
  readonly outcome: 'complete' | 'violation' | 'limit' | 'hopeless'
  /** Why it stopped at a limit. */
  readonly reason: string
  readonly actions: readonly Action[]
  readonly violation: Violation | undefined
}

/** How a violation is named in a collection. */
export function violationName(process: string, { property, message }: Violation): string {
  return `${process}: ${property}: ${message}`
}
