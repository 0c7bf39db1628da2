/**
 * Wakeup trees: what is still to be explored from a node, as sequences that nothing explored so far covers, nor one another.
 * They are what makes the search optimal: no execution is begun that turns out to have been seen.
 */
import { type Accesses, CONFLICT, FIRST_OWN } from './accesses.ts'
import type { Execution } from './execution.ts'

/** An event that is to come, and what follows it. Without children it may be followed by whatever is enabled. */
export interface Planned {
  readonly mover: number
  readonly choice: number
  access: number
  /** The first event that follows it. */
  first: Planned | undefined
  /** The next event that may come in its place. */
  next: Planned | undefined
}

export function plan(mover: number, choice: number, access: number): Planned {
  return { mover, choice, access, first: undefined, next: undefined }
}

/** A sequence of events that is to be explored from some node of the search. */
export class Sequence {
  readonly movers: number[] = []
  readonly choices: number[] = []
  readonly accesses: number[] = []
  size = 0

  clear(): void {
    this.size = 0
  }

  push(mover: number, choice: number, access: number): void {
    this.movers[this.size] = mover
    this.choices[this.size] = choice
    this.accesses[this.size] = access
    this.size++
  }

  removeFirst(mover: number): void {
    let at = 0
    while (at < this.size && this.movers[at] !== mover) at++
    if (at === this.size) return
    this.size--
    for (; at < this.size; at++) {
      this.movers[at] = this.movers[at + 1]!
      this.choices[at] = this.choices[at + 1]!
      this.accesses[at] = this.accesses[at + 1]!
    }
  }
}

/** The event may not come first. */
export const NOWHERE = -1

export class WakeupTrees {
  private readonly execution: Execution
  private readonly accesses: Accesses
  private readonly processes: number
  /** How many stores of each process have drained where the sequence begins. */
  private readonly drained: Int32Array

  constructor(execution: Execution) {
    this.execution = execution
    this.accesses = execution.accesses
    this.processes = execution.processes
    this.drained = new Int32Array(execution.processes)
  }

  /** Says at which node, by its depth, the next questions begin. */
  startAt(depth: number): void {
    const { execution, drained } = this
    if (execution.movers === execution.processes) return
    for (let p = 0; p < drained.length; p++) drained[p] = execution.drainedBefore(p, depth)
  }

  /** Whether a mover's event may come first in an execution equivalent to one that begins with the sequence. */
  isWeakInitial(event: Planned, sequence: Sequence): boolean {
    return this.initialAt(event, sequence) !== NOWHERE
  }

  /** Where in the sequence an event stands that may come first; behind its end when it is independent of all of it. */
  initialAt(event: Planned, sequence: Sequence): number {
    const { mover, access } = event
    for (let i = 0; i < sequence.size; i++) {
      if (sequence.movers[i] === mover) return sequence.choices[i] === event.choice ? i : NOWHERE
      const relation = this.accesses.relation(access, sequence.accesses[i]!)
      if (relation === 0) continue
      if (relation === CONFLICT || this.ownConflict(event, sequence, i, relation)) return NOWHERE
    }
    return sequence.size
  }

  /** Makes sure that what begins with a sequence gets explored, after `last` and its siblings. Consumes the sequence. */
  insert(last: Planned, sequence: Sequence): void {
    let before = last
    for (let child = last.next; child !== undefined; ) {
      if (!this.isWeakInitial(child, sequence)) {
        before = child
        child = child.next
        continue
      }
      if (child.first === undefined) return
      sequence.removeFirst(child.mover)
      if (sequence.size === 0) return
      if (child.mover >= this.processes) this.drained[child.mover - this.processes]!++
      child = child.first
    }
    let at = plan(sequence.movers[0]!, sequence.choices[0]!, sequence.accesses[0]!)
    before.next = at
    for (let i = 1; i < sequence.size; i++) {
      const follows = plan(sequence.movers[i]!, sequence.choices[i]!, sequence.accesses[i]!)
      at.first = follows
      at = follows
    }
  }

  /** Whether an event that has just been carried out is in conflict with one that sleeps; drains are counted before it. */
  wakes(sleeping: Planned, mover: number, access: number): boolean {
    if (sleeping.mover === mover) return true
    const relation = this.accesses.relation(sleeping.access, access)
    if (relation === 0 || relation === CONFLICT) return relation === CONFLICT
    if (relation & FIRST_OWN && this.exposed(sleeping.mover, sleeping.access, access, 0, undefined))
      return true
    return relation > FIRST_OWN && this.exposed(mover, access, sleeping.access, 0, undefined)
  }

  private ownConflict(event: Planned, sequence: Sequence, at: number, relation: number): boolean {
    const { accesses, movers } = sequence
    if (relation & FIRST_OWN && this.exposed(event.mover, event.access, accesses[at]!, at, sequence))
      return true
    return relation > FIRST_OWN && this.exposed(movers[at]!, accesses[at]!, event.access, at, sequence)
  }

  /** Whether a load of an own value, which `loads` holds, is in conflict with `writes`: the store it came from has drained. */
  private exposed(
    process: number,
    loads: number,
    writes: number,
    position: number,
    sequence: Sequence | undefined,
  ): boolean {
    let drained = this.drained[process]!
    for (let i = 0; i < position; i++) if (sequence!.movers[i] === this.processes + process) drained++
    const owns = this.accesses.owns[loads]!
    const written = this.accesses.writes[writes]!
    for (let i = 0; i < owns.length; i += 2) {
      if (drained > owns[i + 1]! && written.includes(owns[i]!)) return true
    }
    return false
  }
}
