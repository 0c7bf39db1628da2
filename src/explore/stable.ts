/**
 * Searches until the automata stand still. A search has used masks of what threads may still do; if any of them grew after
 * the search began, what it left out may have mattered (EXPLORER 7), so it is thrown away and the next one starts warm.
 */
import type { Automata } from './automata.ts'
import type { Clock } from './clock.ts'
import { Engine } from './engine.ts'
import { bitsFor, CellOverflow } from './layout.ts'
import { search } from './search.ts'
import type { Collection, SearchResult } from './search-options.ts'
import type { Symmetry } from './symmetry/symmetry.ts'
import type { CheckOptions } from './verdict.ts'
import { FEW, type Found, MANY, Walks } from './warmup.ts'

export const DEFAULT_MAX_STATES = 20_000_000
/** Enough for a better counterexample, when the warm-up has met one already: the verdict is known. */
const MAX_STATES_AFTER_FOUND = 300_000

/** States from which on it is worth more walks that a search does not have to be thrown away. */
const LARGE = 20_000

export interface StableSearch {
  readonly result: SearchResult
  readonly rounds: number
  /** What the warm-up met. */
  readonly found: Found | undefined
  /** The widths that were enough. */
  readonly engine: Engine
}

export function searchUntilStable(
  automata: Automata,
  widths: number[],
  clock: Clock,
  options: CheckOptions,
  newCollection?: () => Collection,
  symmetry?: Symmetry,
): StableSearch {
  const stable = searchRounds(automata, widths, clock, options, newCollection, symmetry)
  options.crew?.disband()
  return stable
}

function searchRounds(
  automata: Automata,
  widths: number[],
  clock: Clock,
  options: CheckOptions,
  newCollection: (() => Collection) | undefined,
  symmetry: Symmetry | undefined,
): StableSearch {
  const { cycles, recorder } = automata
  const { futures } = recorder
  clock.phase = 'warm-up'
  const walks = new Walks(clock)
  const walk = (engine: Engine, enough: number) => {
    const representatives = symmetry?.bind(engine, widths)
    walks.walk(
      engine,
      enough,
      representatives &&
        ((at, { process, alternative, choice }) => representatives.learn(at, process, alternative, choice)),
    )
  }
  widening(automata, widths, (engine) => walk(engine, FEW))
  let isWarm = false
  clock.phase = 'search'
  const maxStates = options.maxStates ?? DEFAULT_MAX_STATES
  for (let rounds = 1; ; rounds++) {
    let growth = 0
    let proviso = false
    clock.round = rounds
    clock.repeats = false
    const { value: result, engine } = widening(automata, widths, (fresh) => {
      growth = futures.growth
      symmetry?.spreadCycles()
      cycles.needProviso ||= cycles.possible()
      proviso = cycles.needProviso
      const collect = newCollection?.()
      let grown = growth
      let grownAt = 0
      const representatives = symmetry?.bind(fresh, widths)
      const found_ = search(fresh, {
        symmetry: representatives,
        reduce: options.persistentSets ?? true,
        proviso,
        lateDelivery: options.lateDelivery ?? true,
        maxStates:
          walks.found !== undefined && newCollection === undefined
            ? Math.min(maxStates, MAX_STATES_AFTER_FOUND)
            : maxStates,
        clock,
        crew: options.crew,
        ...(collect === undefined ? {} : { collect }),
        // Once masks have grown, the search goes on only while it is still likely to find more growth.
        hopeless: (states) => {
          if (!isWarm && states >= LARGE) {
            isWarm = true
            walk(new Engine(automata, widths), MANY)
            if (futures.growth !== grown) return true
          }
          if (futures.growth !== grown) {
            grown = futures.growth
            grownAt = states
            clock.repeats = options.persistentSets !== false
          }
          return collect === undefined && grown !== growth && states > 4 * grownAt + 2000
        },
      })
      if (representatives === undefined || found_.actions.length === 0) return found_
      return { ...found_, actions: representatives.runOf(fresh, found_.actions) }
    })
    symmetry?.spreadCycles()
    clock.expected = result.outcome === 'complete' ? result.states : undefined
    if (result.outcome === 'hopeless') continue
    const final = result.outcome === 'violation' || result.outcome === 'limit'
    // Without persistent sets nothing was left out.
    if (
      final ||
      options.persistentSets === false ||
      (futures.growth === growth && (proviso || !cycles.possible()))
    ) {
      return { result, rounds, found: walks.found, engine }
    }
  }
}

/** Runs something that may find a field too narrow, with wider and wider fields. */
export function widening<T>(
  automata: Automata,
  widths: number[],
  run: (engine: Engine) => T,
): { value: T; engine: Engine } {
  for (;;) {
    const engine = new Engine(automata, widths)
    try {
      return { value: run(engine), engine }
    } catch (error) {
      if (!(error instanceof CellOverflow)) throw error
      const isCell = error.field < automata.program.cells.size
      widths[error.field] = Math.min(32, bitsFor(error.value) + (isCell ? 0 : 2))
    }
  }
}
