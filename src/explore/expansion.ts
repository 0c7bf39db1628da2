/** What is explored of one state: a persistent set, and more where the proviso asks for it. */
import { DRAIN, type Engine, NEXT } from './engine.ts'
import { type PersistentSets, persistentSets } from './persistent.ts'
import { EVERYBODY, type Visit, visitTransitions } from './transitions.ts'

export interface ExpansionOptions {
  /** Explore persistent sets only. */
  readonly reduce: boolean
  /** The graph may have cycles: see that nothing is put off for ever. */
  readonly proviso: boolean
  /** Let operations that no handler of their process can notice go before every delivery (see persistent.ts). */
  readonly lateDelivery: boolean
}

/** A set that is persistent and has been explored, at least. */
export interface Explored {
  /** Bit p is process p, bit `processes + p` its drain. */
  movers: number
  /** Process whose next operation was explored without its deliveries; -1 for none. */
  alone: number
}

export class Expansion {
  readonly explored: Explored = { movers: 0, alone: -1 }
  /** How often a persistent set led to expanded states only, and another was added. */
  enlarged = 0
  /** A successor is still to be expanded itself. To be set by whoever takes the transitions, as are the next two. */
  fresh = false
  /** A transition has violated a property. */
  violated = false
  /** Nothing more is wanted of this state. */
  stopped = false
  private readonly engine: Engine
  private readonly options: ExpansionOptions
  private readonly take: Visit
  private readonly persistent: PersistentSets | undefined

  constructor(engine: Engine, options: ExpansionOptions, take: Visit) {
    this.engine = engine
    this.options = options
    this.take = take
    if (options.reduce) this.persistent = persistentSets(engine)
  }

  /** Begins with the engine's current state; gives the number of its enabled transitions. */
  begin(): number {
    this.note(0, -1)
    this.fresh = false
    this.violated = false
    this.stopped = false
    return this.engine.load()
  }

  /** Forgets what depends on the order in which things have become known. */
  forget(): void {
    this.persistent?.forget()
  }

  /** Takes transitions of the current state. */
  expand(): void {
    const { engine, persistent } = this
    if (persistent === undefined) {
      visitTransitions(engine, EVERYBODY, this.take)
      this.note(EVERYBODY, -1)
      return
    }
    const { lateDelivery, proviso } = this.options
    const quick = persistent.lone.find(lateDelivery)
    if (quick >= 0) {
      const p = quick % engine.processes
      const { first } = engine.automata.handlers
      if (quick === p && first[p + 1]! > first[p]!) this.note(0, p)
      else this.note(1 << quick, -1)
      this.take(p, quick < engine.processes ? NEXT : DRAIN, 0)
      if (this.stopped) return
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
    while (this.options.proviso && !this.fresh && !this.stopped) {
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
}
