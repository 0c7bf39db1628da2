/** Searches without regard to what they find: every terminal state and every violation. The tests compare such searches. */
import type { Program } from '../core/program.ts'
import { Automata } from './automata.ts'
import { Clock } from './clock.ts'
import { firstWidths } from './engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import type { Collection, SearchResult } from './search.ts'
import { searchUntilStable } from './stable.ts'
import type { CheckOptions } from './verdict.ts'

export interface Explored extends Collection {
  readonly search: SearchResult
  readonly rounds: number
  readonly nodes: number
}

/** Explores a whole program, going on after violations. */
export function collect(program: Program, options: CheckOptions = {}): Explored {
  const automata = new Automata(program, {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set(),
  })
  let found: Collection = { terminals: new Set(), violations: new Set() }
  const stable = searchUntilStable(automata, firstWidths(program), new Clock(options), options, () => {
    found = { terminals: new Set(), violations: new Set() }
    return found
  })
  return { ...found, search: stable.result, rounds: stable.rounds, nodes: automata.recorder.size }
}

/** The number of states of the automata's program in one more search, to see that a warm start changes nothing. */
export function reduceAgain(program: Program): readonly [cold: number, warm: number] {
  const automata = new Automata(program, {
    operationsPerCall: DEFAULT_OPERATIONS_PER_CALL,
    without: new Set(),
  })
  const widths = firstWidths(program)
  const cold = searchUntilStable(automata, widths, new Clock({}), {})
  const warm = searchUntilStable(automata, widths, new Clock({}), {})
  return [cold.result.states, warm.result.states]
}
