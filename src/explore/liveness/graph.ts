/**
 * The whole graph of states, with who moves along each edge and who could move in each state. Without any reduction: what
 * reductions leave out may be exactly the step that would have broken a cycle (EXPLORER 17).
 */

import { packAction } from '../actions.ts'
import { EMPTY } from '../buffers.ts'
import type { Clock } from '../clock.ts'
import { DELIVERABLE, DRAIN, type Engine, NEXT } from '../engine.ts'
import { IntList } from '../int-list.ts'
import { withinLimits } from '../limits.ts'
import { DONE, HALT } from '../locals.ts'
import { StateStore } from '../store.ts'
import { EVERYBODY, visitTransitions } from '../transitions.ts'

/** Levels of a stack that are told apart: the interrupted code, its handler, a handler on top of that, ... */
const LEVELS = 32

/** Who could move in a state. */
export interface Standing {
  /** Movers that stand at an operation, and whether they can carry it out. */
  readonly code: readonly { readonly mover: number; readonly enabled: boolean; readonly lock: boolean }[]
  /** Drains of buffers that are not empty, and interrupts that can be taken and have been asked for. */
  readonly owed: readonly number[]
}

/**
 * Movers by number: the code of a process on each level of its stack (a handler is somebody else than the code that it has
 * interrupted), the drains, the sources.
 */
export class StateGraph {
  readonly engine: Engine
  readonly store: StateStore
  private readonly edgesOf = new IntList()
  private readonly targetsOf = new IntList()
  private readonly moversOf = new IntList()
  private readonly actionsOf = new IntList()

  constructor(engine: Engine) {
    this.engine = engine
    this.store = new StateStore(engine.layout.words)
  }

  /** Per state, its first edge; one more entry at the end. */
  get first(): Int32Array {
    return this.edgesOf.data
  }

  get targets(): Int32Array {
    return this.targetsOf.data
  }

  get movers(): Int32Array {
    return this.moversOf.data
  }

  /** What is done along an edge, packed. */
  get actions(): Int32Array {
    return this.actionsOf.data
  }

  get size(): number {
    return this.store.size
  }

  /** Every state and every edge; gives a reason when it was stopped. */
  explore(clock: Clock, maxStates: number): string | undefined {
    return withinLimits(
      () => this.expandAll(clock, maxStates),
      (reason) => reason,
    )
  }

  private expandAll(clock: Clock, maxStates: number): string | undefined {
    const { engine, store } = this
    engine.loadInitial()
    store.add(engine.current, 0, 0)
    for (let head = 0; head < store.size; head++) {
      if ((head & 255) === 0) {
        const stop = clock.poll(store.size, store.size - head, store.bytes + 12 * this.targetsOf.size)
        if (stop !== undefined) return stop
      }
      if (store.size > maxStates) return `more than ${maxStates} states`
      store.read(head, engine.current)
      engine.load()
      this.edgesOf.push(this.targetsOf.size)
      visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
        engine.step(process, alternative, choice)
        const packed = packAction(process, alternative, choice)
        this.targetsOf.push(store.add(engine.next, head, packed))
        this.moversOf.push(this.moverOf(process, alternative))
        this.actionsOf.push(packed)
        return false
      })
    }
    this.edgesOf.push(this.targetsOf.size)
    return undefined
  }

  /** States in which a process is not done, and has not halted. (One that is idle between interrupts is done then.) */
  undone(process: number): Uint8Array {
    const states = new Uint8Array(this.size)
    for (let state = 0; state < states.length; state++) {
      this.go(state)
      const at = this.engine.local[process]!
      if (at !== DONE && at !== HALT) states[state] = 1
    }
    return states
  }

  standing(state: number): Standing {
    this.go(state)
    const { engine } = this
    const { processes, automata } = engine
    const { handlers, locals, recorder } = automata
    const code: { mover: number; enabled: boolean; lock: boolean }[] = []
    const owed: number[] = []
    for (let p = 0; p < processes; p++) {
      const at = engine.local[p]!
      if (at > HALT) {
        const lock = recorder.operations[locals.nodes.at(at)]!.kind === 'lock'
        code.push({ mover: this.moverOf(p, NEXT), enabled: engine.choices[p]! > 0, lock })
      }
      if (engine.buffer[p] !== EMPTY) owed.push(this.moverOf(p, DRAIN))
      for (let s = handlers.first[p]!; s < handlers.first[p + 1]!; s++) {
        if (engine.sourceStatus[s] !== DELIVERABLE || handlers.sources[s]!.optional === true) continue
        owed.push(this.moverOf(p, s - handlers.first[p]!))
      }
    }
    return { code, owed }
  }

  private go(state: number): void {
    this.store.read(state, this.engine.current)
    this.engine.load()
  }

  /** Who moves, with the engine at the state before. */
  private moverOf(process: number, alternative: number): number {
    const { processes, automata, local } = this.engine
    if (alternative === NEXT) {
      return process * LEVELS + Math.min(LEVELS - 1, automata.locals.level(local[process]!))
    }
    const drains = processes * LEVELS
    if (alternative === DRAIN) return drains + process
    return drains + processes + automata.handlers.first[process]! + alternative
  }
}
