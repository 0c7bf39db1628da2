/**
 * A shortest counterexample, and among those one with the fewest switches between CPUs (EXPLORER 15).
 *
 * The reduced search finds a violation but not a shortest one. So this searches breadth-first without persistent sets; the
 * reduced trail bounds its depth. Beside each state stands, for every process, the fewest switches with which a shortest
 * path reaches the state with that process moving last: when a state is expanded, all states one level above have been,
 * so these are final. The path itself is then found backwards, level by level.
 *
 * Over representatives (symmetry) a state may be reached with any of several processes moving last, which it does not tell apart:
 * the fewest switches are noted for all of them, and the path is renamed to a run in which it is the right one.
 */
import { InternalError } from '../core/errors.ts'
import type { Automata } from './automata.ts'
import type { Clock } from './clock.ts'
import type { Engine } from './engine.ts'
import { withinLimits } from './limits.ts'
import { widening } from './stable.ts'
import { StateStore } from './store.ts'
import type { Representatives, Symmetry } from './symmetry/symmetry.ts'
import { EVERYBODY, moversOf, visitTransitions } from './transitions.ts'
import type { Action, CheckOptions } from './verdict.ts'

/** States that this search may keep; past them the trail is only known to be minimal. */
const DEFAULT_MAX_STATES = 1_000_000
/** Wall time that it may take, beyond which nobody wants to wait for a shorter trail. */
const MAX_MILLISECONDS = 10_000
const UNREACHED = 0xffff

/** Undefined when a limit was hit. `bound` is the length of a counterexample that is known. */
export function shortest(
  automata: Automata,
  widths: number[],
  clock: Clock,
  options: CheckOptions,
  bound: number,
  symmetry?: Symmetry,
): readonly Action[] | undefined {
  clock.phase = 'shortest'
  const maxStates = Math.min(options.maxStates ?? DEFAULT_MAX_STATES, DEFAULT_MAX_STATES)
  const search = (engine: Engine) =>
    new Shortest(engine, clock, maxStates, bound, symmetry?.bind(engine, widths))
  return widening(automata, widths, (engine) =>
    withinLimits(
      () => search(engine).run(),
      () => undefined,
    ),
  ).value
}

/** An end that was found: a state, the process that moved there last, and perhaps the event that violates. */
interface End {
  readonly state: number
  readonly last: number
  readonly switches: number
  readonly event: Action | undefined
}

class Shortest {
  private readonly engine: Engine
  private readonly clock: Clock
  private readonly maxStates: number
  private readonly bound: number
  private readonly representatives: Representatives | undefined
  private readonly store: StateStore
  /** Fewest switches, by state and last process. */
  private readonly switches: Switches
  /** First state of each level. */
  private readonly levels = [0]
  private head = 0
  private stuckEnd: End | undefined
  private eventEnd: End | undefined

  constructor(
    engine: Engine,
    clock: Clock,
    maxStates: number,
    bound: number,
    representatives: Representatives | undefined,
  ) {
    this.engine = engine
    this.representatives = representatives
    this.clock = clock
    this.maxStates = maxStates
    this.bound = bound
    this.store = new StateStore(engine.layout.words)
    this.switches = new Switches(engine.processes)
  }

  run(): readonly Action[] | undefined {
    const { engine, store, clock } = this
    const until = clock.milliseconds + MAX_MILLISECONDS
    engine.loadInitial()
    store.add(engine.current, 0, 0)
    this.switches.start()
    for (let depth = 0; depth <= this.bound; depth++) {
      const end = store.size
      this.levels.push(end)
      for (; this.head < end; this.head++) {
        if ((this.head & 255) === 0) {
          const stop = clock.poll(store.size, store.size - this.head, store.bytes) !== undefined
          if (stop || clock.milliseconds > until) return undefined
        }
        if (store.size > this.maxStates) return undefined
        this.expand(end)
      }
      if (this.stuckEnd !== undefined) return this.pathTo(this.stuckEnd, depth)
      if (this.eventEnd !== undefined) return this.pathTo(this.eventEnd, depth)
    }
    throw new InternalError(`no violation within ${this.bound} steps, although one was found`)
  }

  private expand(nextLevel: number): void {
    const { engine, store, switches, head } = this
    store.read(head, engine.current)
    if (engine.load() === 0) {
      if (engine.stuck() === undefined) return
      const last = switches.bestLast(head)
      this.stuckEnd = better(this.stuckEnd, {
        state: head,
        last,
        switches: switches.at(head, last),
        event: undefined,
      })
      return
    }
    visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
      const cost = switches.after(head, process)
      if (engine.step(process, alternative, choice) !== undefined) {
        const last = switches.lastBefore(head, process)
        const event = { process, alternative, choice }
        this.eventEnd = better(this.eventEnd, { state: head, last, switches: cost, event })
      } else if (this.eventEnd === undefined) {
        const lasts = this.settle({ process, alternative, choice })
        const found = store.add(engine.next, head, 0)
        if (found >= nextLevel) for (const last of lasts) switches.lower(found, last, cost)
      }
      return false
    })
  }

  /** Replaces the state that a step has led to by its representative; gives who may count as having moved last there. */
  private settle(action: Action): readonly number[] {
    return this.representatives?.settleWithLast(this.engine, action) ?? [action.process]
  }

  /** The schedule of an end whose state is at a given depth. */
  private pathTo(end: End, depth: number): Action[] {
    const path: Action[] = []
    const lasts: number[] = []
    let { state, last } = end
    for (let level = depth - 1; level >= 0; level--) {
      const step = this.stepBefore(state, last, level)
      path.unshift(step.action)
      lasts.unshift(last)
      state = step.state
      last = step.last
    }
    if (end.event !== undefined) path.push(end.event)
    return this.representatives?.runOf(this.engine, path, lasts) ?? path
  }

  /** A step from a state of `level` to the given one, by whom `last` may stand for, on a path with the fewest switches. */
  private stepBefore(target: number, last: number, level: number) {
    const { engine, store, switches } = this
    const cost = switches.at(target, last)
    const wanted = new Uint32Array(store.words)
    store.read(target, wanted)
    const kind = this.representatives?.kindOf(last) ?? [last]
    for (let state = this.levels[level]!; state < this.levels[level + 1]!; state++) {
      const able = kind.filter((process) => switches.after(state, process) === cost)
      if (able.length === 0) continue
      let found: Action | undefined
      store.read(state, engine.current)
      engine.load()
      const movers = able.reduce((bits, process) => bits | moversOf(engine, process), 0)
      visitTransitions(engine, movers, (process, alternative, choice) => {
        if (engine.step(process, alternative, choice) !== undefined) return false
        const lasts = this.settle({ process, alternative, choice })
        if (!lasts.includes(last) || !wanted.every((word, i) => word === engine.next[i])) return false
        found = { process, alternative, choice }
        return true
      })
      if (found !== undefined)
        return { action: found, state, last: switches.lastBefore(state, found.process) }
    }
    throw new InternalError('a state of the shortest search has no predecessor')
  }
}

function better(a: End | undefined, b: End): End {
  return a === undefined || b.switches < a.switches ? b : a
}

/** The fewest switches with which each state is reached, by the process that moved last. */
class Switches {
  private readonly processes: number
  private data: Uint16Array

  constructor(processes: number) {
    this.processes = processes
    this.data = new Uint16Array(1024 * processes).fill(UNREACHED)
  }

  /** Before the first step nobody has moved: whoever does makes no switch. */
  start(): void {
    this.data.fill(0, 0, this.processes)
  }

  at(state: number, last: number): number {
    return this.data[state * this.processes + last]!
  }

  lower(state: number, last: number, cost: number): void {
    const index = state * this.processes + last
    if (index >= this.data.length) {
      const grown = new Uint16Array(Math.max(this.data.length * 2, (state + 1) * this.processes)).fill(
        UNREACHED,
      )
      grown.set(this.data)
      this.data = grown
    }
    if (cost < this.data[index]!) this.data[index] = cost
  }

  /** Switches when `process` moves from a state. */
  after(state: number, process: number): number {
    const last = this.lastBefore(state, process)
    return this.at(state, last) + (last === process ? 0 : 1)
  }

  /** The process that had better move last before `process` does. */
  lastBefore(state: number, process: number): number {
    let best = process
    for (let last = 0; last < this.processes; last++) {
      const more = last === process ? 0 : 1
      if (this.at(state, last) + more < this.at(state, best) + (best === process ? 0 : 1)) best = last
    }
    return best
  }

  bestLast(state: number): number {
    let best = 0
    for (let last = 1; last < this.processes; last++)
      if (this.at(state, last) < this.at(state, best)) best = last
    return best
  }
}
