/**
 * Which sources of each process may still be delivered, and so what the process may still do, as long as the others do no more
 * than they may: for persistent sets (persistent.ts).
 */
import { EMPTY } from './buffers.ts'
import { type Conflicts, WITH_LATER_STORES, WITH_PROCESS, WITH_STORES } from './conflicts.ts'
import { UNKNOWN } from './decisions.ts'
import { BUFFER_FULL, DELIVERABLE, type Engine, MASKED } from './engine.ts'
import { DONE, HALT } from './locals.ts'

const NONE = -1

export class Deliveries {
  /** What each process may still do, by number in {@link Conflicts}. */
  readonly future: Int32Array
  /** Bits of each process's sources that may still be delivered. */
  readonly included: Int32Array
  /** For each source that is not ready, that it becomes ready, as an alternative. */
  readonly becomesReady: Int32Array
  private readonly engine: Engine
  private readonly processes: number
  private readonly conflicts: Conflicts

  constructor(engine: Engine, conflicts: Conflicts) {
    this.engine = engine
    this.processes = engine.processes
    this.conflicts = conflicts
    this.future = new Int32Array(engine.processes)
    this.included = new Int32Array(engine.processes)
    this.becomesReady = new Int32Array(engine.sourceStatus.length)
  }

  /** Takes note of the engine's current state. */
  look(): void {
    const { engine, conflicts } = this
    for (let p = 0; p < this.processes; p++) {
      this.included[p] = this.readySources(p)
      this.future[p] = conflicts.future(p, engine.local[p]!, this.included[p]!)
    }
    if (engine.sourceStatus.length > 0) this.includeHandlers()
  }

  /** The sources of a process that are ready now, masked or not, as bits; for the others, on what that depends. */
  private readySources(p: number): number {
    const { engine, conflicts } = this
    const { first, sources } = engine.automata.handlers
    const { ready: trees } = engine.automata.trees
    let ready = 0
    if (engine.local[p] === HALT) return 0
    for (let i = 0, s = first[p]!; s < first[p + 1]!; i++, s++) {
      const status = engine.sourceStatus[s]!
      this.becomesReady[s] = NONE
      if (status !== DELIVERABLE && status !== BUFFER_FULL) {
        const isReady = status === MASKED && engine.ask(trees[s]!, engine.buffer[p]!) === 1
        const { waitsFor } = sources[s]!
        if (!isReady) {
          if (waitsFor !== undefined) this.becomesReady[s] = conflicts.ofReadiness(s, waitsFor)
          else {
            const outcome = status === MASKED ? engine.outcome : engine.notReadyBy[s]!
            this.becomesReady[s] = this.ofOutcome(outcome, trees[s]!, p)
          }
          continue
        }
      }
      ready |= 1 << i
    }
    return ready
  }

  /**
   * A handler belongs to the future of its process unless its source is not ready now and nobody can ever write a cell on
   * which that depends. Handlers may make each other possible, so this runs to a fixed point.
   */
  private includeHandlers(): void {
    const { engine, conflicts, processes } = this
    const { first } = engine.automata.handlers
    for (let changed = true; changed; ) {
      changed = false
      for (let p = 0; p < processes; p++) {
        if (engine.local[p] === HALT) continue
        for (let i = 0, s = first[p]!; s < first[p + 1]!; i++, s++) {
          if ((this.included[p]! >>> i) & 1 || !this.mayBecomeReady(s)) continue
          this.included[p] = this.included[p]! | (1 << i)
          this.future[p] = conflicts.future(p, engine.local[p]!, this.included[p]!)
          changed = true
        }
      }
    }
  }

  private mayBecomeReady(s: number): boolean {
    const { conflicts, engine, future } = this
    const alternative = this.becomesReady[s]!
    for (let p = 0; p < this.processes; p++) {
      if (conflicts.withFuture(alternative, future[p]!) & (WITH_PROCESS | WITH_LATER_STORES)) return true
      const buffer = engine.buffer[p]!
      if (buffer !== EMPTY && conflicts.withBuffer(alternative, buffer) & WITH_STORES) return true
    }
    return false
  }

  /**
   * The sources of a process that may be delivered before its next operation: those that are not masked, and masked ones that
   * a handler of these, or the drain of the process's own stores, may unmask.
   */
  beforeNext(p: number): number {
    const { engine, conflicts } = this
    const { first } = engine.automata.handlers
    let before = 0
    for (let i = 0, s = first[p]!; s < first[p + 1]!; i++, s++) {
      if ((this.included[p]! >>> i) & 1 && engine.sourceStatus[s] !== MASKED) before |= 1 << i
    }
    for (let changed = before !== this.included[p]; changed; ) {
      changed = false
      for (let i = 0, s = first[p]!; s < first[p + 1]!; i++, s++) {
        if (((this.included[p]! & ~before) >>> i) % 2 === 0) continue
        const mask = this.whatMasks(p, s)
        const byHandlers = conflicts.withFuture(mask, conflicts.future(p, DONE, before))
        const buffer = engine.buffer[p]!
        const byDrain = buffer === EMPTY ? 0 : conflicts.withBuffer(mask, buffer)
        if ((byHandlers & (WITH_PROCESS | WITH_LATER_STORES)) === 0 && (byDrain & WITH_STORES) === 0) continue
        before |= 1 << i
        changed = true
      }
    }
    return before
  }

  /** What was asked last coming out otherwise, as an alternative. */
  ofAnswer(): number {
    const { engine, conflicts } = this
    return engine.outcome === UNKNOWN
      ? conflicts.ofReads(engine.dependences())
      : conflicts.ofOutcome(engine.outcome)
  }

  /** The same for an answer that was given before, in the same state. */
  private ofOutcome(outcome: number, tree: number, p: number): number {
    if (outcome !== UNKNOWN) return this.conflicts.ofOutcome(outcome)
    this.engine.ask(tree, this.engine.buffer[p]!)
    return this.ofAnswer()
  }

  /** A source's no longer being masked. */
  whatMasks(p: number, s: number): number {
    const { engine } = this
    return this.ofOutcome(engine.maskedBy[s]!, engine.automata.trees.masked[s]!, p)
  }
}
