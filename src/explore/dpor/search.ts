/**
 * Optimal-DPOR with wakeup trees (Abdulla, Aronis, Jonsson, Sagonas: "Source sets", JACM 2017) over recorded automata.
 *
 * Depth first. At the end of a node's wakeup tree any enabled event will do; every race between two events of the execution then
 * gives a sequence in which they are exchanged, and which is put into the wakeup tree of the node before the first of them, unless
 * what it begins has been, or is going to be, explored anyway.
 *
 * A race is looked at as soon as its second event is there. If at that time some sleeping event says that the exchanged
 * sequence has been explored, that may be a mistake: the sequence goes on, and may wake the sleeper. So these races, and
 * only they, are looked at again with all that is known at the end of every execution that contains them.
 */
import type { Violation } from '../../core/violation.ts'
import type { Automata } from '../automata.ts'
import { HALT } from '../locals.ts'
import type { Action } from '../verdict.ts'
import { NOTHING } from './accesses.ts'
import { Cuts, Unsupported } from './cuts.ts'
import { Execution } from './execution.ts'
import { BLOCKED, Past } from './past.ts'
import { NOWHERE, type Planned, plan, Sequence, WakeupTrees } from './wakeup.ts'

/** What becomes of the executions that are explored, one for each Mazurkiewicz trace. */
export interface TraceCounts {
  /** Everybody is done (daemons need not be). */
  complete: number
  /** Somebody waits for ever. */
  blocked: number
  /** Somebody has violated a property, and halted. */
  halted: number
  /** Executions that were given up because everything in them had been seen: an optimal search has none. */
  sleepBlocked: number
  /** Events that were carried out. */
  events: number
}

export interface SearchHooks {
  /** Polled now and then: a reason to stop. */
  readonly poll?: (counts: TraceCounts, depth: number) => string | undefined
  /** An execution has come to its end. */
  readonly onEnd?: (search: Search) => void
  /** Gives back true to stop. The event that was carried out last has violated a property, or nobody can move. */
  readonly onViolation?: (violation: Violation, process: number | undefined) => boolean
}

/** A node of the search: what has been explored from it, and what is to be. */
interface Node {
  /** The child that is being explored, or is next; those behind it are to be. */
  child: Planned | undefined
  /** Events that would lead to what has been explored; grows by the children that have been. */
  readonly sleep: Planned[]
  /** Races of the event that leads here which some sleeping event has stopped. */
  readonly waiting: Race[]
}

interface Race {
  /** The first events, ascending. */
  readonly cut: readonly number[]
  /** The second one. */
  readonly event: number
  /** The sleeping event that has stopped it. */
  sleeper: Planned | undefined
}

const POLL_EVERY = 256

export class Search {
  readonly execution: Execution
  readonly counts: TraceCounts = { complete: 0, blocked: 0, halted: 0, sleepBlocked: 0, events: 0 }
  private readonly hooks: SearchHooks
  private readonly past: Past
  private readonly cuts: Cuts
  private readonly trees: WakeupTrees
  private readonly nodes: Node[] = []
  private readonly sequence = new Sequence()
  private readonly drained: (process: number) => number
  /** The node that {@link drained} is about. */
  private at = 0
  private pollAt = 0
  private stopped: string | undefined

  constructor(automata: Automata, hooks: SearchHooks = {}) {
    this.execution = new Execution(automata)
    this.hooks = hooks
    this.past = new Past(this.execution)
    this.cuts = new Cuts(this.execution, this.past)
    this.trees = new WakeupTrees(this.execution)
    this.drained = (process) => this.drainedBefore(process, this.at)
  }

  /** Explores everything; gives a reason when it was stopped. */
  run(): string | undefined {
    let depth = 0
    this.node(0)
    this.grow(0)
    for (;;) {
      const node = this.nodes[depth]!
      const next = node.child
      if (next !== undefined) {
        this.take(node, next, depth)
        depth++
        if (next.first === undefined) this.grow(depth)
        if (this.stopped !== undefined) return this.stopped
      } else if (depth === 0) {
        return undefined
      } else {
        depth--
        this.execution.undo()
        const back = this.nodes[depth]!
        const done = back.child!
        back.child = done.next
        done.first = undefined
        done.next = undefined
        back.sleep.push(done)
      }
    }
  }

  /** The current execution, as a schedule. */
  actions(): Action[] {
    const { events, processes } = this.execution
    return Array.from({ length: events.size }, (_, event) => {
      const mover = events.mover[event]!
      const choice = events.choice[event]!
      return mover < processes
        ? { process: mover, alternative: -1, choice }
        : { process: mover - processes, alternative: -2, choice }
    })
  }

  private node(depth: number): Node {
    let node = this.nodes[depth]
    if (node === undefined) {
      node = { child: undefined, sleep: [], waiting: [] }
      this.nodes.push(node)
    }
    return node
  }

  /** Goes from a node to one of its children. */
  private take(node: Node, next: Planned, depth: number): void {
    const { execution, trees, counts } = this
    const { mover, choice } = next
    if (node.sleep.length > 0) this.startAt(depth)
    const event = execution.execute(mover, choice)
    const access = execution.events.access[event]!
    next.access = access
    counts.events++
    const child = this.node(depth + 1)
    child.child = next.first
    if (child.waiting.length > 0) child.waiting.length = 0
    let asleep = 0
    for (const sleeping of node.sleep) {
      if (!trees.wakes(sleeping, mover, access)) child.sleep[asleep++] = sleeping
    }
    child.sleep.length = asleep
    this.findRaces(event, mover)
    const { violation } = execution
    if (
      violation !== undefined &&
      this.hooks.onViolation?.(violation, mover % execution.processes) === true
    ) {
      this.stopped = 'violation'
    }
    if (counts.events >= this.pollAt) {
      this.pollAt = counts.events + POLL_EVERY
      this.stopped ??= this.hooks.poll?.(counts, depth)
    }
  }

  /** At the end of a wakeup tree: whatever is enabled and not asleep. */
  private grow(depth: number): void {
    const { execution } = this
    const node = this.nodes[depth]!
    let enabled = false
    for (let mover = 0; mover < execution.movers; mover++) {
      const outcomes = execution.outcomes(mover)
      if (outcomes === 0) continue
      if (outcomes > 1) this.supportChoice(mover)
      enabled = true
      for (let choice = outcomes - 1; choice >= 0; choice--) {
        if (isAsleep(node.sleep, mover, choice)) continue
        const planned = plan(mover, choice, NOTHING)
        planned.next = node.child
        node.child = planned
      }
      if (node.child !== undefined) return
    }
    if (enabled) this.counts.sleepBlocked++
    else this.atEnd(depth)
  }

  private atEnd(depth: number): void {
    const { execution, counts, hooks } = this
    const { local } = execution
    const stuck = execution.stuck()
    if (local.includes(HALT)) counts.halted++
    else if (stuck === undefined) counts.complete++
    else counts.blocked++
    hooks.onEnd?.(this)
    if (stuck !== undefined && hooks.onViolation?.(stuck, undefined) === true) this.stopped = 'violation'
    for (let i = 1; i <= depth; i++) {
      const { waiting } = this.nodes[i]!
      if (waiting.length > 0) this.lookAgain(waiting)
    }
    for (let p = 0; p < execution.processes; p++) {
      const operation = execution.operation(p)
      if (operation === undefined) continue
      this.cuts.find(p, operation, -1, (cut) => {
        const limit = execution.events.size
        const ascending = [...cut].sort((a, b) => a - b)
        this.past.goTo(ascending, limit)
        const access = this.past.operationAccess(p, operation)
        if (access === BLOCKED || !this.conflicts(ascending, access)) return
        this.exchange(ascending, limit, p, 0, access)
      })
    }
  }

  private lookAgain(waiting: Race[]): void {
    const { events } = this.execution
    let kept = 0
    for (const race of waiting) {
      if (this.stillAsleep(race) || !this.reverse(race, events.size)) waiting[kept++] = race
    }
    waiting.length = kept
  }

  /** Nothing that came after the second event can wake what has stopped a race. */
  private stillAsleep({ cut, event, sleeper }: Race): boolean {
    if (sleeper === undefined) return false
    const { past, execution } = this
    const { events, accesses } = execution
    past.goTo(cut, events.size)
    for (let later = event + 1; later < events.size; later++) {
      const touches = accesses.relation(sleeper.access, events.access[later]!) !== 0
      if ((touches || events.mover[later] === sleeper.mover) && !past.excludes(later)) return false
    }
    return true
  }

  private findRaces(event: number, mover: number): void {
    const { execution } = this
    const node = this.nodes[event + 1]!
    const look = (cut: readonly number[]) => {
      const race: Race = { cut, event, sleeper: undefined }
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

  /** Plans the execution in which a race is the other way round; false when a sleeping event stops it, for the time being. */
  private reverse(race: Race, limit: number): boolean {
    const { execution, past } = this
    const { cut, event } = race
    const { events } = execution
    past.goTo(cut, limit)
    const access = execution.isFixed(event) ? events.access[event]! : past.accessOf(event)
    if (access === BLOCKED) return false
    if (!this.conflicts(cut, access)) return true
    return this.exchange(cut, limit, events.mover[event]!, events.choice[event]!, access, race)
  }

  /** Whether an event, where it is to come now, is still in conflict with those that it is to come before. */
  private conflicts(cut: readonly number[], access: number): boolean {
    const { accesses, events } = this.execution
    return cut.every((event) => accesses.relation(access, events.access[event]!) !== 0)
  }

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
    this.startAt(first)
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

  private startAt(depth: number): void {
    const { execution } = this
    if (execution.movers === execution.processes) return
    this.at = depth
    this.trees.startAt(this.drained)
  }

  /** Stores of a process that have drained before an event. */
  private drainedBefore(process: number, event: number): number {
    const { stores, events, processes } = this.execution
    let drained = stores[process]?.drained ?? 0
    while (drained > 0 && events.nth(processes + process, drained - 1) >= event) drained--
    return drained
  }

  /** The outcomes of a choice are different programs, so to say. That needs them to be nobody else's business. */
  private supportChoice(mover: number): void {
    const operation = this.execution.operation(mover)!
    const { loads = [], reads = [], writes = [] } = operation.footprint()
    if (loads.length + reads.length + writes.length > 0 || operation.commit !== undefined) {
      throw new Unsupported(`"${operation.label}" chooses and touches memory at once`)
    }
  }
}

function isAsleep(sleep: readonly Planned[], mover: number, choice: number): boolean {
  for (const sleeping of sleep) if (sleeping.mover === mover && sleeping.choice === choice) return true
  return false
}
