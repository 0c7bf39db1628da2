/** Searches without regard to what they find: every terminal state and every violation. The tests compare such searches. */
import type { Program } from '../core/program.ts'
import { Clock } from './clock.ts'
import { firstWidths } from './engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import type { Collection, SearchResult } from './search-options.ts'
import { searchUntilStable } from './stable.ts'
import { withSymmetry } from './symmetry/symmetry.ts'
import type { CheckOptions, SymmetryReport } from './verdict.ts'

export interface Explored extends Collection {
  readonly search: SearchResult
  readonly rounds: number
  readonly nodes: number
  readonly symmetry: SymmetryReport | undefined
}

/** Explores a whole program, going on after violations. Symmetry has to be asked for: terminal states are representatives then. */
export function collect(program: Program, options: CheckOptions = {}): Explored {
  const recording = {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set<string>(),
    symmetry: options.symmetry ?? false,
  }
  const { value, symmetry } = withSymmetry(program, recording, (automata, symmetry) => {
    let found: Collection = { terminals: new Set(), violations: new Set() }
    const widths = firstWidths(program)
    const newCollection = () => {
      found = { terminals: new Set(), violations: new Set() }
      return found
    }
    const stable = searchUntilStable(automata, widths, new Clock(options), options, newCollection, symmetry)
    return { ...found, search: stable.result, rounds: stable.rounds, nodes: automata.recorder.size }
  })
  return { ...value, symmetry: symmetry() }
}

/** The number of states in a first search and in one more of the same automata, to see that a warm start changes nothing. */
export function searchTwice(
  program: Program,
  options: CheckOptions = {},
): readonly [cold: number, warm: number] {
  const recording = {
    operationsPerCall: DEFAULT_OPERATIONS_PER_CALL,
    without: new Set<string>(),
    symmetry: options.symmetry ?? false,
  }
  return withSymmetry(program, recording, (automata, symmetry): readonly [number, number] => {
    const widths = firstWidths(program)
    const states = () => {
      const newCollection = () => ({ terminals: new Set<string>(), violations: new Set<string>() })
      return searchUntilStable(automata, widths, new Clock({}), options, newCollection, symmetry).result
        .states
    }
    return [states(), states()]
  }).value
}
