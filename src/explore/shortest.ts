/** A shortest counterexample, and among those one with the fewest switches between CPUs (EXPLORER 15). */
import type { Automata } from './automata.ts'
import type { Clock } from './clock.ts'
import type { Action, CheckOptions } from './verdict.ts'

export function shortest(
  _automata: Automata,
  _widths: number[],
  _clock: Clock,
  _options: CheckOptions,
  _limit: number,
): readonly Action[] | undefined {
  return undefined
}
