/** Breadth-first search over packed states. */
import type { Violation } from '../core/violation.ts'
import type { Clock } from './clock.ts'
import { DRAIN, type Engine, NEXT } from './engine.ts'
import { withinLimits } from './limits.ts'
import { type PersistentSets, persistentSets } from './persistent.ts'
import { StateStore } from './store.ts'
import type { Representatives } from './symmetry/symmetry.ts'
import { EVERYBODY, visitTransitions } from './transitions.ts'
import type { Action } from './verdict.ts'

export interface SearchOptions {
  /** Explore persistent sets only. */
  readonly reduce: boolean
  /** The graph may have cycles: see that nothing is put off for ever. */
  readonly proviso: boolean
  /** Let operations that no handler of their process can notice go before every delivery (see persistent.ts). */
  readonly lateDelivery: boolean
  readonly maxStates: number
  /** Polled between states: a reason to stop. */
  readonly clock: Clock
  /** Polled between states: true gives up a search whose result could not count any more. */
  readonly hopeless?: (states: number) => boolean
  /** Go on after violations, and gather what there is. */
  readonly collect?: Collection
  /** Told of every state, in the order of expansion, what was explored of it: a persistent set, as {@link Explored} has it. */
  readonly onExpanded?: (explored: Explored) => void
  /** Keep representatives only. */
  readonly symmetry?: Representatives | undefined
}

/** A set that is persistent and has been explored, at least. */
export interface Explored {
  /** Bit p is process p, bit `processes + p` its drain. */
  movers: number
  /** Process whose next operation was explored without its deliveries; -1 for none. */
  alone: number
}

/** What a search that goes on after violations finds. */
export interface Collection {
  readonly terminals: Set<string>
  readonly violations: Set<string>
}

export interface SearchResult {
  readonly states: number
  readonly transitions: number
  readonly bytes: number
  readonly store: StateStore
  /** How often a persistent set led to expanded states only, and another was added. */
  readonly enlarged: number
  readonly outcome: 'complete' | 'violation' | 'limit' | 'hopeless'
  /** Why it stopped at a limit. */
  readonly reason: string
  readonly actions: readonly Action[]
  readonly violation: Violation | undefined
}

/** How a violation is named in a collection. */
export function violationName(process: string, { property, message }: Violation): string {
  return `${process}: ${property}: ${message}`
}

export function packAction(process: number, alternative: number, choice: number): number {
  return ((process << 24) | ((alternative + 2) << 16) | choice) >>> 0
}

export function unpackAction(packed: number): Action {
  return { process: packed >>> 24, alternative: ((packed >>> 16) & 0xff) - 2, choice: packed & 0xffff }
}

/** The actions that lead to a state. */
export function pathTo(store: StateStore, index: number): Action[] {
  const path: Action[] = []
  for (let at = index; at !== 0; at = store.parent(at)) path.push(unpackAction(store.action(at)))
  return path.reverse()
}

export function search(engine: Engine, options: SearchOptions): SearchResult {
  return new Search(engine, options).run()
}

class Search {
  private readonly engine: Engine
  private readonly options: SearchOptions
  private readonly store: StateStore
  private readonly persistent: PersistentSets | undefined
  private head = 0
  /** A successor of the state being expanded is still to be expanded itself. */
  private fresh = false
  /** A transition of the state being expanded has violated a property. */
  private violated = false
  private transitions = 0
  private readonly explored: Explored = { movers: 0, alone: -1 }
  private enlarged = 0
  private violation: Violation | undefined
  private violating = 0

  constructor(engine: Engine, options: SearchOptions) {
    this.engine = engine
    this.options = options
    this.store = new StateStore(engine.layout.words)
    if (options.reduce) this.persistent = persistentSets(engine)
  }

  run(): SearchResult {
    return withinLimits(
      () => this.expandAll(),
      (reason) => this.result('limit', reason),
    )
  }

  private expandAll(): SearchResult {
    const { engine, store, options } = this
    const { clock, hopeless, maxStates } = options
    engine.loadInitial()
    store.add(engine.current, 0, 0)
    for (; this.head < store.size; this.head++) {
      if ((this.head & 255) === 0) {
        const reason = clock.poll(store.size, store.size - this.head, store.bytes)
        if (reason !== undefined) return this.result('limit', reason)
        if (hopeless?.(store.size) === true) return this.result('hopeless')
      }
      if (store.size > maxStates) return this.result('limit', `more than ${maxStates} states`)
      store.read(this.head, engine.current)
      this.note(0, -1)
      if (engine.load() === 0) {
        this.atEnd()
      } else {
        this.expand()
      }
      options.onExpanded?.(this.explored)
      if (this.violation !== undefined) return this.result('violation')
    }
    return this.result('complete')
  }

  private expand(): void {
    const { engine, persistent } = this
    if (persistent === undefined) {
      visitTransitions(engine, EVERYBODY, this.take)
      this.note(EVERYBODY, -1)
      return
    }
    this.fresh = false
    this.violated = false
    const { lateDelivery, proviso } = this.options
    const quick = persistent.quick(lateDelivery)
    if (quick >= 0) {
      const p = quick % engine.processes
      const { first } = engine.automata.handlers
      if (quick === p && first[p + 1]! > first[p]!) this.note(0, p)
      else this.note(1 << quick, -1)
      this.take(p, quick < engine.processes ? NEXT : DRAIN, 0)
      if (this.violation !== undefined) return
      // Whoever has violated something halts, and delivers nothing any more: see what happens without it.
      if (this.violated) {
        visitTransitions(engine, EVERYBODY, this.take)
        return
      }
      if (!proviso || this.fresh) return
    }
    persistent.look()
    let explored = persistent.choose(0, lateDelivery)
    const { alone } = persistent
    if (alone >= 0) {
      for (let choice = 0; choice < engine.choices[alone]!; choice++)
        if (this.take(alone, NEXT, choice)) return
    }
    visitTransitions(engine, explored, this.take)
    this.note(explored, alone)
    // Its process halts, and delivers nothing any more: see what the others, and its handlers, do without it.
    if (alone >= 0 && this.violated) visitTransitions(engine, EVERYBODY, this.take)
    // Proviso (EXPLORER 8): some successor is not expanded yet, so no transition is put off for ever.
    while (this.options.proviso && !this.fresh && this.violation === undefined) {
      const more = persistent.choose(explored)
      if (more === 0) return
      this.enlarged++
      visitTransitions(engine, more, this.take)
      explored |= more
      this.note(explored, alone)
    }
  }

  private note(movers: number, alone: number): void {
    this.explored.movers = movers
    this.explored.alone = alone
  }

  /** Carries out one transition. */
  private readonly take = (process: number, alternative: number, choice: number): boolean => {
    const { engine, store, options } = this
    const violation = engine.step(process, alternative, choice)
    this.transitions++
    if (violation !== undefined) {
      this.violated = true
      if (options.collect === undefined) {
        this.violation = violation
        this.violating = packAction(process, alternative, choice)
        return true
      }
      const { name } = engine.program.processes[process]!
      options.collect.violations.add(violationName(name, violation))
    }
    const packed = packAction(process, alternative, choice)
    options.symmetry?.settle(engine, process, alternative, choice)
    if (store.add(engine.next, this.head, packed) > this.head) this.fresh = true
    return false
  }

  /** Nobody can move. */
  private atEnd(): void {
    const violation = this.engine.stuck()
    const { collect, symmetry } = this.options
    symmetry?.settleEnd(this.engine)
    if (collect !== undefined) {
      collect.terminals.add(this.engine.describe())
      if (violation !== undefined) collect.violations.add(violationName('', violation))
    } else if (violation !== undefined) {
      this.violation = violation
      this.violating = -1
    }
  }

  private result(outcome: SearchResult['outcome'], reason = ''): SearchResult {
    const { store, violation } = this
    const actions = violation === undefined ? [] : pathTo(store, this.head)
    if (violation !== undefined && this.violating >= 0) actions.push(unpackAction(this.violating))
    return {
      states: store.size,
      transitions: this.transitions,
      bytes: store.bytes,
      store,
      enlarged: this.enlarged,
      outcome,
      reason,
      actions,
      violation,
    }
  }
}
