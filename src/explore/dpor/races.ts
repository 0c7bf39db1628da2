/** Races of the current execution, and the sequences that turn them round. `search.ts` says when each is looked at. */
import { SECOND_OWN } from './accesses.ts'
import { Cuts } from './cuts.ts'
import type { Execution } from './execution.ts'
import { BLOCKED, Past } from './past.ts'
import { NOWHERE, type Planned, Sequence, type WakeupTrees } from './wakeup.ts'

/** A node of the search: what has been explored from it, and what is to be. */
export interface Node {
  /** The child that is being explored, or is next; those behind it are to be. */
  child: Planned | undefined
  /** Events that would lead to what has been explored; grows by the children that have been. */
  readonly sleep: Planned[]
  /** Races of the event that leads here which some sleeping event has stopped. */
  readonly waiting: Race[]
}

export interface Race {
  /** The first events, ascending. */
  readonly cut: readonly number[]
  /** The second one. */
  readonly event: number
  /** The sleeping event that has stopped it. */
  sleeper: Planned | undefined
  /**
   * The second event touches other cells when it comes earlier (a compare-and-swap that succeeds). Then it may be in conflict
   * with events after it that it was not in conflict with, and what precedes it in the planned sequence matters.
   */
  changes: boolean
}

export class Races {
  private readonly execution: Execution
  private readonly trees: WakeupTrees
  private readonly nodes: readonly Node[]
  private readonly past: Past
  private readonly cuts: Cuts
  private readonly sequence = new Sequence()

  constructor(execution: Execution, trees: WakeupTrees, nodes: readonly Node[]) {
    this.execution = execution
    this.trees = trees
    this.nodes = nodes
    this.past = new Past(execution)
    this.cuts = new Cuts(execution, this.past)
  }

  /** Looks at the races of the event that was carried out last. */
  find(event: number, mover: number): void {
    const { execution } = this
    const node = this.nodes[event + 1]!
    const look = (cut: readonly number[]) => {
      const race: Race = { cut, event, sleeper: undefined, changes: false }
      if (!this.reverse(race, event)) node.waiting.push(race)
    }
    if (mover < execution.processes) {
      const operation = execution.operationOf(event)
      if (operation.guard !== undefined) {
        this.cuts.find(mover, operation, event, (cut) => look([...cut].sort((a, b) => a - b)))
        return
      }
    }
    for (const first of execution.races) look([first])
  }

  /** At the end of an execution: looks at the races of operations that are blocked. */
  findBlocked(): void {
    const { execution, past } = this
    for (let p = 0; p < execution.processes; p++) {
      const operation = execution.operation(p)
      if (operation === undefined) continue
      this.cuts.find(p, operation, -1, (cut) => {
        const limit = execution.events.size
        const ascending = [...cut].sort((a, b) => a - b)
        past.goTo(ascending, limit)
        const access = past.operationAccess(p, operation)
        if (access === BLOCKED || !this.conflicts(ascending, access)) return
        this.exchange(ascending, limit, p, 0, access)
      })
    }
  }

  /** At the end of an execution: looks again at races that waited for something to wake what has stopped them. */
  lookAgain(waiting: Race[]): void {
    const { events } = this.execution
    let kept = 0
    for (const race of waiting) {
      if (this.stillAsleep(race) || !this.reverse(race, events.size) || race.changes) waiting[kept++] = race
    }
    waiting.length = kept
  }

  /** Nothing that came after the second event can wake what has stopped a race. */
  private stillAsleep({ cut, event, sleeper, changes }: Race): boolean {
    if (sleeper === undefined || changes) return false
    const { past, execution } = this
    const { events, accesses } = execution
    past.goTo(cut, events.size)
    for (let later = event + 1; later < events.size; later++) {
      const touches = accesses.relation(sleeper.access, events.access[later]!) !== 0
      if ((touches || events.mover[later] === sleeper.mover) && !past.excludes(later)) return false
    }
    return true
  }

  /** Plans the execution in which a race is the other way round; false when it has to be looked at again. */
  private reverse(race: Race, limit: number): boolean {
    const { execution, past } = this
    const { cut, event } = race
    const { events } = execution
    past.goTo(cut, limit)
    const access = execution.isFixed(event) ? events.access[event]! : past.accessOf(event)
    if (access === BLOCKED) return false
    if (!this.conflicts(cut, access)) return true
    if (limit === event) {
      const { touched } = execution.accesses
      race.changes = touched[access] !== touched[events.access[event]!]
      if (race.changes) return false
    }
    return this.exchange(cut, limit, events.mover[event]!, events.choice[event]!, access, race)
  }

  /** Whether an event, where it is to come now, is still in conflict with those that it is to come before. */
  private conflicts(cut: readonly number[], access: number): boolean {
    const { accesses, events } = this.execution
    for (const event of cut) {
      const relation = accesses.relation(access, events.access[event]!)
      if (relation === 0 || (relation === SECOND_OWN && !this.isExposed(event, access))) return false
    }
    return true
  }

  /** Whether a store that an event of the cut has loaded from has drained without the cut, and `access` writes its cell. */
  private isExposed(event: number, access: number): boolean {
    const { accesses, events, processes } = this.execution
    const owns = accesses.owns[events.access[event]!]!
    for (let i = 0; i < owns.length; i += 2) {
      if (!accesses.writes[access]!.includes(owns[i]!)) continue
      const drain = events.nth(processes + events.mover[event]!, owns[i + 1]!)
      if (drain >= 0 && !this.past.excludes(drain)) return true
    }
    return false
  }

  /** Plans what is left without the cut, and an event behind it, from the node before the first event of the cut. */
  private exchange(
    cut: readonly number[],
    limit: number,
    mover: number,
    choice: number,
    access: number,
    race?: Race,
  ): boolean {
    const { execution, past, sequence, trees } = this
    const { events } = execution
    const first = cut[0]!
    const node = this.nodes[first]!
    sequence.clear()
    if (cut.length === 1) {
      const { clocks, movers } = events
      const ordinal = events.ordinal[first]!
      let known = (first + 1) * movers + events.mover[first]!
      for (let event = first + 1; event < limit; event++, known += movers) {
        if (clocks[known]! <= ordinal)
          sequence.push(events.mover[event]!, events.choice[event]!, events.access[event]!)
      }
    } else {
      for (let event = first + 1; event < limit; event++) {
        if (!past.excludes(event))
          sequence.push(events.mover[event]!, events.choice[event]!, events.access[event]!)
      }
    }
    sequence.push(mover, choice, access)
    trees.startAt(first)
    for (const sleeping of node.sleep) {
      const at = trees.initialAt(sleeping, sequence)
      if (at === NOWHERE) continue
      if (race !== undefined) race.sleeper = sleeping
      // What comes before the second event stays as it is: then the sleeper stops the race for good.
      return at < sequence.size - 1
    }
    trees.insert(node.child!, sequence)
    return true
  }
}
