/**
 * Movers that are persistent alone (persistent.ts), found at a glance: without looking at which sources can still be delivered.
 * Most states have one.
 */
import { EMPTY } from './buffers.ts'
import {
  type Conflicts,
  WITH_LATER_STORES,
  WITH_OWN_PROCESS,
  WITH_OWN_STORES,
  WITH_PROCESS,
  WITH_STORES,
} from './conflicts.ts'
import type { Engine } from './engine.ts'
import { DONE, HALT } from './locals.ts'

export class LoneMovers {
  private readonly engine: Engine
  private readonly processes: number
  private readonly conflicts: Conflicts
  /** What each process may still do, by number in {@link Conflicts}, if each of its sources can be delivered. */
  private readonly future: Int32Array

  constructor(engine: Engine, conflicts: Conflicts) {
    this.engine = engine
    this.processes = engine.processes
    this.conflicts = conflicts
    this.future = new Int32Array(engine.processes)
  }

  /**
   * A mover whose one transition is persistent even if every source of every process could still be delivered: found without
   * looking at which of them can be. -1 if there is none.
   */
  find(lateDelivery: boolean): number {
    const { engine, conflicts, processes, future } = this
    const { first } = engine.automata.handlers
    conflicts.refresh()
    for (let p = 0; p < processes; p++) {
      const local = engine.local[p]!
      const every = local === HALT ? 0 : (1 << (first[p + 1]! - first[p]!)) - 1
      future[p] = conflicts.future(p, local, every)
    }
    for (let p = 0; p < processes; p++) {
      if (engine.choices[p] === 1 && this.isLoneOperation(p, lateDelivery)) return p
      if (engine.buffer[p] !== EMPTY && this.isLoneDrain(p)) return processes + p
    }
    return -1
  }

  private isLoneOperation(p: number, lateDelivery: boolean): boolean {
    const { engine, conflicts } = this
    const { handlers, locals, recorder } = engine.automata
    const sources = handlers.first[p + 1]! - handlers.first[p]!
    const node = locals.nodes.data[engine.local[p]!]!
    const operation = conflicts.ofOperation(p, node)
    if (sources > 0) {
      if (!lateDelivery) return false
      if (engine.buffered[p] === 1 && recorder.operations[node]!.commit !== undefined) return false
      const every = conflicts.future(p, DONE, (1 << sources) - 1)
      if (conflicts.withFuture(operation, every) & (WITH_PROCESS | WITH_LATER_STORES)) return false
    }
    const buffer = engine.buffer[p]!
    if (buffer !== EMPTY && conflicts.withBuffer(operation, buffer) & WITH_OWN_STORES) return false
    return this.isFreeOfOthers(p, operation)
  }

  private isLoneDrain(p: number): boolean {
    const { engine, conflicts } = this
    const commit = conflicts.ofCommit(engine.automata.buffers.heads.at(engine.buffer[p]!))
    if (conflicts.withFuture(commit, this.future[p]!) & WITH_OWN_PROCESS) return false
    return this.isFreeOfOthers(p, commit)
  }

  /** Nothing that the other processes and their drains may still do is in conflict with an alternative of process `p`. */
  private isFreeOfOthers(p: number, alternative: number): boolean {
    const { engine, conflicts, processes, future } = this
    for (let q = 0; q < processes; q++) {
      if (q === p) continue
      if (conflicts.withFuture(alternative, future[q]!) & (WITH_PROCESS | WITH_LATER_STORES)) return false
      const buffer = engine.buffer[q]!
      if (buffer !== EMPTY && conflicts.withBuffer(alternative, buffer) & WITH_STORES) return false
    }
    return true
  }
}
