/** Breadth-first search over packed states. */
import type { Violation } from '../core/violation.ts'
import { packAction, pathTo, unpackAction } from './actions.ts'
import type { Engine } from './engine.ts'
import { Expansion } from './expansion.ts'
import { withinLimits } from './limits.ts'
import type { Team } from './parallel/team.ts'
import { searchTogether } from './parallel/together.ts'
import { type SearchOptions, type SearchResult, violationName } from './search-options.ts'
import { StateStore } from './store.ts'

export function search(engine: Engine, options: SearchOptions): SearchResult {
  return new Search(engine, options).run()
}

class Search {
  private readonly engine: Engine
  private readonly options: SearchOptions
  private store: StateStore
  private readonly expansion: Expansion
  private head = 0
  private transitions = 0
  private violation: Violation | undefined
  private violating = 0

  constructor(engine: Engine, options: SearchOptions) {
    this.engine = engine
    this.options = options
    this.store = new StateStore(engine.layout.words)
    this.expansion = new Expansion(engine, options, this.take)
  }

  run(): SearchResult {
    return withinLimits(
      () => this.expandAll(),
      (reason) => this.result('limit', reason),
    )
  }

  private expandAll(): SearchResult {
    const { engine, store, options, expansion } = this
    const { hopeless, maxStates } = options
    engine.loadInitial()
    store.add(engine.current, 0, 0)
    for (; this.head < store.size; this.head++) {
      if ((this.head & 255) === 0) {
        const reason = this.poll()
        if (reason !== undefined) return this.result('limit', reason)
        if (hopeless?.(store.size) === true) return this.result('hopeless')
      }
      const team = options.crew?.teamFor(store.size, this.poll)
      if (team !== undefined) return this.goOnWith(team)
      if (store.size > maxStates) return this.result('limit', `more than ${maxStates} states`)
      store.read(this.head, engine.current)
      if (expansion.begin() === 0) this.atEnd()
      else expansion.expand()
      options.onExpanded?.(expansion.explored)
      if (this.violation !== undefined) return this.result('violation')
    }
    return this.result('complete')
  }

  private readonly poll = (): string | undefined => {
    const { store } = this
    return this.options.clock.poll(store.size, store.size - this.head, store.bytes)
  }

  private goOnWith(team: Team): SearchResult {
    const { engine, options, head, transitions } = this
    const { store } = this
    this.store = new StateStore(store.words)
    return searchTogether(engine, options, team, { store, head, transitions })
  }

  /** Carries out one transition. */
  private readonly take = (process: number, alternative: number, choice: number): boolean => {
    const { engine, store, options, expansion } = this
    const violation = engine.step(process, alternative, choice)
    this.transitions++
    if (violation !== undefined) {
      expansion.violated = true
      if (options.collect === undefined) {
        this.violation = violation
        this.violating = packAction(process, alternative, choice)
        expansion.stopped = true
        return true
      }
      const { name } = engine.program.processes[process]!
      options.collect.violations.add(violationName(name, violation))
    }
    const packed = packAction(process, alternative, choice)
    options.symmetry?.settle(engine, process, alternative, choice)
    if (store.add(engine.next, this.head, packed) > this.head) expansion.fresh = true
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
      enlarged: this.expansion.enlarged,
      outcome,
      reason,
      actions,
      violation,
    }
  }
}
