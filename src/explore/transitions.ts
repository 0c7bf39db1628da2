/** Enumerates the enabled transitions of an engine's current state, in one fixed order. */
import { EMPTY } from './buffers.ts'
import { DELIVERABLE, DRAIN, type Engine, NEXT } from './engine.ts'

/** Every mover. */
export const EVERYBODY = -1

/** Gives back true to stop. */
export type Visit = (process: number, alternative: number, choice: number) => boolean

/** Visits the transitions of `movers`: bit p is process p, bit `processes + p` its drain. */
export function visitTransitions(engine: Engine, movers: number, visit: Visit): void {
  const { processes, sourceStatus, choices } = engine
  const { first } = engine.automata.handlers
  for (let p = 0; p < processes; p++) {
    if ((movers >>> p) & 1) {
      for (let choice = 0; choice < choices[p]!; choice++) if (visit(p, NEXT, choice)) return
      for (let s = first[p]!; s < first[p + 1]!; s++) {
        if (sourceStatus[s] === DELIVERABLE && visit(p, s - first[p]!, 0)) return
      }
    }
    if ((movers >>> (processes + p)) & 1 && engine.buffer[p] !== EMPTY && visit(p, DRAIN, 0)) return
  }
}

/** The movers that count as one CPU. */
export function moversOf(engine: Engine, process: number): number {
  return (1 << process) | (1 << (engine.processes + process))
}
