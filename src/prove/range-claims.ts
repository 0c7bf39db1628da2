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
import { kernelClaims } from './kernel-claims.ts'
import { ownClaims } from './own-claims.ts'
import type { Claim } from './range-scene.ts'

/** Everything that is claimed. */
export const CLAIMS: readonly Claim[] = [
  ...kernelClaims('2017'),
  ...kernelClaims('today'),
  ...ownClaims('exact'),
  ...ownClaims('extended'),
  ...ownClaims('extended-1g'),
]
