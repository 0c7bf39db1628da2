/**
 * The judge of livelocks: is there a fair execution that never ends and leaves somebody behind? By guessing and fixed points, on the
 * naive enumerator's graph; it shares neither code nor algorithm with `src/explore/liveness`.
 *
 * For each mover it guesses what becomes of it at last: it moves again and again; code is found blocked again and again; or it is not
 * there any more. States that contradict the guess are taken away, and in the rest, by Emerson and Lei, those are kept from which
 * everything that was guessed can be met again and again.
 */
import type { Program } from '../../src/core/program.ts'
import { type GraphState, graphOf } from './naive.ts'

type Guess = 'moves' | 'blocked' | 'gone'

/** Undefined: the graph, or the number of guesses, is too large. */
export function hasFairCycle(program: Program, maxStates: number): boolean | undefined {
  const graph = graphOf(program, maxStates)
  if (graph === undefined) return undefined
  const code = [...new Set(graph.flatMap(({ onTop }) => onTop.map(({ mover }) => mover)))]
  const owed = [...new Set(graph.flatMap((state) => state.owed))]
  if (3 ** code.length * 2 ** owed.length > 1500) return undefined
  const everybody = [...new Set(graph.flatMap(({ undone }) => undone))]
  return everybody.some((p) => {
    const left = new Set([...graph.keys()].filter((state) => graph[state]!.undone.includes(p)))
    return guesses([...code], [...owed]).some((guess) => isMet(graph, left, guess))
  })
}

function guesses(code: string[], owed: string[]): ReadonlyMap<string, Guess>[] {
  let all: Map<string, Guess>[] = [new Map()]
  const branch = (mover: string, ways: readonly Guess[]) => {
    all = all.flatMap((guess) => ways.map((way) => new Map(guess).set(mover, way)))
  }
  for (const mover of code) branch(mover, ['moves', 'blocked', 'gone'])
  for (const mover of owed) branch(mover, ['moves', 'gone'])
  return all
}

function isMet(graph: readonly GraphState[], states: ReadonlySet<number>, guess: ReadonlyMap<string, Guess>) {
  const fits = (state: number) => {
    const { onTop, owed } = graph[state]!
    return (
      owed.every((mover) => guess.get(mover) !== 'gone') &&
      onTop.every(({ mover, enabled, lock }) => {
        const is = guess.get(mover)
        return is !== 'gone' && !(is === 'blocked' && lock && enabled)
      })
    )
  }
  let left = new Set([...states].filter(fits))
  for (let before = -1; before !== left.size; ) {
    before = left.size
    // An execution that goes on, whatever else.
    left = canReach(
      graph,
      left,
      () => true,
      () => false,
    )
    for (const [mover, is] of guess) {
      if (is === 'gone') continue
      const blocked = (state: number) =>
        is === 'blocked' && graph[state]!.onTop.some((one) => one.mover === mover && !one.enabled)
      left = canReach(graph, left, (by) => is === 'moves' && by === mover, blocked)
    }
  }
  return left.size > 0
}

/** States of a set from which a wanted edge, or a wanted state after at least one edge, can be reached within the set. */
function canReach(
  graph: readonly GraphState[],
  inside: ReadonlySet<number>,
  wantedEdge: (mover: string) => boolean,
  wantedState: (state: number) => boolean,
): Set<number> {
  const found = new Set<number>()
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const state of inside) {
      const reaches = graph[state]!.edges.some(
        ({ mover, to }) => inside.has(to) && (wantedEdge(mover) || wantedState(to) || found.has(to)),
      )
      if (reaches) found.add(state)
    }
  }
  return found
}
