/** Idle states: the longer a pCPU has had nothing to do, the deeper it sleeps, and the longer it takes to wake. */
import type { Costs } from './cost-model.ts'

/** The first is always entered; `wake` has its exit. */
export const IDLE_STATES = ['c1', 'c1e', 'c3', 'c6'] as const
export type IdleState = (typeof IDLE_STATES)[number]

/**
 * Nanoseconds beyond `wake` that a pCPU takes out of its idle state: of the deepest that its time without work has paid for, as
 * an idle governor chooses that guesses right.
 *
 * @param idle - nanoseconds without work
 * @param deepest - that the host allows
 */
export function idleExit(idle: number, costs: Costs, deepest: IdleState): number {
  const allowed = IDLE_STATES.indexOf(deepest)
  if (allowed >= 3 && idle >= costs.c6Residency) return costs.c6Exit
  if (allowed >= 2 && idle >= costs.c3Residency) return costs.c3Exit
  return allowed >= 1 && idle >= costs.c1eResidency ? costs.c1eExit : 0
}
