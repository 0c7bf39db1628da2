/**
 * Optimal-DPOR with wakeup trees (Abdulla, Aronis, Jonsson, Sagonas: "Source sets", JACM 2017) over recorded automata.
 *
 * Depth first. At the end of a node's wakeup tree any enabled event will do; every race between two events of the execution then
 * gives a sequence in which they are exchanged, and which is put into the wakeup tree of the node before the first of them, unless
 * what it begins has been, or is going to be, explored anyway.
 *
 * A race is looked at as soon as its second event is there. If at that time some sleeping event says that the exchanged
 * sequence has been explored, that may be a mistake: the sequence goes on, and may wake the sleeper. So these races
 * are looked at again with all that is known at the end of every execution that contains them. So are those whose second
 * event touches other cells when it comes earlier: what comes before it in the planned sequence then matters.
 */
import type { Violation } from '../../core/violation.ts'
import type { Automata } from '../automata.ts'
import { HALT } from '../locals.ts'
import type { Action } from '../verdict.ts'
import { NOTHING } from './accesses.ts'
import { Unsupported } from './cuts.ts'
import { Execution } from './execution.ts'
import { type Node, Races } from './races.ts'
import { type Planned, plan, WakeupTrees } from './wakeup.ts'

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
  /** {@link poll} is asked when there are more, at the latest. */
  readonly maxEvents?: number
  /** Polled now and then: a reason to stop. */
  readonly poll?: (counts: TraceCounts, depth: number) => string | undefined
  /** An execution has come to its end. */
  readonly onEnd?: (search: Search) => void
  /** Gives back true to stop. The event that was carried out last has violated a property, or nobody can move. */
  readonly onViolation?: (violation: Violation, process: number | undefined) => boolean
}

const POLL_EVERY = 256
/** Events of one execution, after which it is taken for one that does not end. */
const LONGEST = 10_000

export class Search {
  readonly execution: Execution
  readonly counts: TraceCounts = { complete: 0, blocked: 0, halted: 0, sleepBlocked: 0, events: 0 }
  private readonly hooks: SearchHooks
  private readonly races: Races
  private readonly trees: WakeupTrees
  private readonly nodes: Node[] = []
  private pollAt = 0
  private stopped: string | undefined

  constructor(automata: Automata, hooks: SearchHooks = {}) {
    this.execution = new Execution(automata)
    this.hooks = hooks
    this.trees = new WakeupTrees(this.execution)
    this.races = new Races(this.execution, this.trees, this.nodes)
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
    if (depth >= LONGEST)
      throw new Unsupported(
        `an execution has more than ${LONGEST} events; a loop that waits has to be a waitUntil`,
      )
    const { execution, trees, counts } = this
    const { mover, choice } = next
    if (node.sleep.length > 0) trees.startAt(depth)
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
    this.races.find(event, mover)
    const { violation } = execution
    if (
      violation !== undefined &&
      this.hooks.onViolation?.(violation, mover % execution.processes) === true
    ) {
      this.stopped = 'violation'
    }
    if (counts.events >= this.pollAt) {
      this.pollAt = Math.min(counts.events + POLL_EVERY, (this.hooks.maxEvents ?? Infinity) + 1)
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
      if (waiting.length > 0) this.races.lookAgain(waiting)
    }
    this.races.findBlocked()
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
