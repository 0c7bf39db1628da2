/**
 * Livelock: an execution that is fair to everybody and never ends (EXPLORER 17). Sought in the whole graph of states, without
 * any reduction: what reductions leave out may be exactly the step that would have broken the cycle.
 *
 * A strongly connected part of the graph is a fair cycle when every mover (a process's next operation, its drain, each of its
 * interrupt sources) either moves in it, or cannot move in some state of it: weak fairness. A part that is not fair has no
 * fair cycle within it either, since its missing mover can move in all its states.
 */
import type { Program } from '../core/program.ts'
import { Automata } from './automata.ts'
import { EMPTY } from './buffers.ts'
import { Clock } from './clock.ts'
import { DELIVERABLE, DRAIN, type Engine, firstWidths, NEXT } from './engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import { DONE, HALT } from './locals.ts'
import { pathTo } from './search.ts'
import { widening } from './stable.ts'
import { StateStore } from './store.ts'
import { stronglyConnected } from './strongly-connected.ts'
import { EVERYBODY, visitTransitions } from './transitions.ts'
import type { Action, CheckOptions } from './verdict.ts'

const DEFAULT_MAX_STATES = 1_000_000

export type LivelockVerdict =
  | { readonly verdict: 'none'; readonly states: number }
  | {
      readonly verdict: 'livelock'
      /** Processes that are not done, and will not be: those that wait, and those that go round. */
      readonly waiting: readonly string[]
      readonly goingRound: readonly string[]
      /** How to get into the cycle. */
      readonly actions: readonly Action[]
      /** States of the cycle. */
      readonly length: number
      readonly states: number
    }
  | { readonly verdict: 'inconclusive'; readonly reason: string; readonly states: number }

/** Looks for a fair execution that never ends. Daemons may go on for ever. */
export function findLivelock(program: Program, options: CheckOptions = {}): LivelockVerdict {
  const automata = new Automata(program, {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set(),
  })
  const clock = new Clock(options)
  clock.phase = 'search'
  return widening(automata, firstWidths(program), (engine) => new Graph(engine, clock, options).look()).value
}

/** Sets of movers, one bit each: sources come after processes and drains. */
class Graph {
  private readonly engine: Engine
  private readonly clock: Clock
  private readonly maxStates: number
  private readonly store: StateStore
  /** Per state: its edges in {@link targets} and {@link movers}. */
  private readonly firstEdge: number[] = []
  private readonly targets: number[] = []
  private readonly movers: number[] = []

  constructor(engine: Engine, clock: Clock, options: CheckOptions) {
    this.engine = engine
    this.clock = clock
    this.maxStates = options.maxStates ?? DEFAULT_MAX_STATES
    this.store = new StateStore(engine.layout.words)
  }

  look(): LivelockVerdict {
    const stop = this.explore()
    const states = this.store.size
    if (stop !== undefined) return { verdict: 'inconclusive', reason: stop, states }
    for (const part of stronglyConnected(this.firstEdge, this.targets)) {
      const inside = new Set(part)
      const moving = this.movingIn(part, inside)
      if (moving.size === 0 || !this.isFair(part, moving)) continue
      const undone = this.undone(part)
      if (undone.length === 0) continue
      const name = (process: number) => this.engine.program.processes[process]!.name
      return {
        verdict: 'livelock',
        waiting: undone.filter((process) => !moving.has(process)).map(name),
        goingRound: undone.filter((process) => moving.has(process)).map(name),
        actions: pathTo(this.store, Math.min(...part)),
        length: part.length,
        states,
      }
    }
    return { verdict: 'none', states }
  }

  /** Every state and every edge. A process that violates a property has halted; that is another verdict's affair. */
  private explore(): string | undefined {
    const { engine, store } = this
    engine.loadInitial()
    store.add(engine.current, 0, 0)
    for (let head = 0; head < store.size; head++) {
      if ((head & 255) === 0) {
        const stop = this.clock.poll(store.size, store.size - head, store.bytes)
        if (stop !== undefined) return stop
      }
      if (store.size > this.maxStates) return `more than ${this.maxStates} states`
      store.read(head, engine.current)
      engine.load()
      this.firstEdge.push(this.targets.length)
      visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
        engine.step(process, alternative, choice)
        const packed = ((process << 24) | ((alternative + 2) << 16) | choice) >>> 0
        this.targets.push(store.add(engine.next, head, packed))
        this.movers.push(this.moverOf(process, alternative))
        return false
      })
    }
    this.firstEdge.push(this.targets.length)
    return undefined
  }

  private moverOf(process: number, alternative: number): number {
    const { processes, automata } = this.engine
    if (alternative === NEXT) return process
    if (alternative === DRAIN) return processes + process
    return 2 * processes + automata.handlers.first[process]! + alternative
  }

  /** Who moves from a state of the part to a state of the part. */
  private movingIn(part: readonly number[], inside: ReadonlySet<number>): Set<number> {
    const moving = new Set<number>()
    for (const state of part) {
      for (let edge = this.firstEdge[state]!; edge < this.firstEdge[state + 1]!; edge++) {
        if (inside.has(this.targets[edge]!)) moving.add(this.movers[edge]!)
      }
    }
    return moving
  }

  private isFair(part: readonly number[], moving: ReadonlySet<number>): boolean {
    let left: Set<number> | undefined
    for (const state of part) {
      const able = this.able(state)
      const before = left ?? able
      left = new Set([...able].filter((mover) => before.has(mover) && !moving.has(mover)))
      if (left.size === 0) return true
    }
    return left === undefined || left.size === 0
  }

  private able(state: number): Set<number> {
    const { engine } = this
    const { processes, automata } = engine
    this.store.read(state, engine.current)
    engine.load()
    const able = new Set<number>()
    for (let p = 0; p < processes; p++) {
      if (engine.choices[p]! > 0) able.add(p)
      if (engine.buffer[p] !== EMPTY) able.add(processes + p)
    }
    for (let s = 0; s < automata.handlers.sources.length; s++) {
      if (engine.sourceStatus[s] === DELIVERABLE) able.add(2 * processes + s)
    }
    return able
  }

  /** Processes that are done in no state of a part, daemons excepted. (One that is idle between interrupts is done then.) */
  private undone(part: readonly number[]): number[] {
    const { engine } = this
    let undone = [...engine.program.processes.keys()].filter((p) => !engine.program.processes[p]!.daemon)
    for (const state of part) {
      if (undone.length === 0) break
      this.store.read(state, engine.current)
      engine.load()
      undone = undone.filter((p) => engine.local[p] !== DONE && engine.local[p] !== HALT)
    }
    return undone
  }
}
