/**
 * Persistent sets (EXPLORER 1, 2, 7): a set of movers such that nothing that the others can ever do, as long as these stand
 * still, conflicts with what these can do now. Then it is enough to explore these.
 *
 * For each mover, `needs` is the set of movers that have to be in when it is; a persistent set is what is reachable along
 * that relation from any enabled mover. Mover p is process p; mover `processes + p` is its drain.
 *
 * Stores that a process has still to make cannot drain unless the process moves, nor before what is in its buffer now has
 * drained: to hold them off, the process or its drain is enough (`either`).
 *
 * Late delivery. A process whose next operation is enabled and conflicts with nothing that its own sources and their handlers
 * may touch can be explored by that operation *alone*, without delivering anything before it. Take a run in which handlers
 * (and others) come first, and the operation afterwards: all of those are independent of the operation, which is enabled from
 * the start and stays so, hence the run with the operation first is one too, and it ends in the same state. A run that never
 * gets to the operation (a handler that violates a property or never ends) is the same run behind the operation, since nobody
 * in it can tell; so every violation and every deadlock is found, though a deadlock perhaps only with the interrupted code one
 * operation further. A store that enters the buffer does not qualify: handlers would wait for its drain, or load it. One that
 * violates a property itself is followed by a full expansion where the search goes on after violations.
 */
import { EMPTY } from './buffers.ts'
import {
  Conflicts,
  MAX_SOURCES,
  WITH_LATER_STORES,
  WITH_OWN_PROCESS,
  WITH_OWN_STORES,
  WITH_PROCESS,
  WITH_STORES,
} from './conflicts.ts'
import { Deliveries } from './deliveries.ts'
import { BUFFER_FULL, DELIVERABLE, type Engine, MASKED } from './engine.ts'
import { DONE, HALT } from './locals.ts'
import { LoneMovers } from './lone-movers.ts'

/** More movers do not fit in one word of bits: such programs are explored in full. */
const MAX_PROCESSES = 15

const NONE = -1

/** Persistent sets for an engine, if its program is not too large for them. */
export function persistentSets(engine: Engine): PersistentSets | undefined {
  const tooMany = engine.program.processes.some(({ sources }) => sources.length > MAX_SOURCES)
  return tooMany || engine.processes > MAX_PROCESSES ? undefined : new PersistentSets(engine)
}

const NO_WAYS: readonly number[] = []

function bitCount(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}

export class PersistentSets {
  private readonly engine: Engine
  private readonly processes: number
  private readonly conflicts: Conflicts
  readonly lone: LoneMovers
  private readonly deliveries: Deliveries
  /** What each process may still do, its sources that may be delivered, and that others become ready: of {@link Deliveries}. */
  private readonly future: Int32Array
  private readonly included: Int32Array
  private readonly becomesReady: Int32Array
  private readonly needed: Int32Array
  /** For each mover, bits of processes that have to be in unless their drains are. */
  private readonly either: Int32Array
  private known = 0
  private mustFind = 0
  private eitherFind = 0
  /** Per blocked process: the sets of movers of which one is needed to unblock it. */
  private readonly ways: (readonly number[])[]
  /** Process whose next operation belongs to the chosen set, without its deliveries; -1 for none. */
  alone = NONE

  constructor(engine: Engine) {
    const { processes } = engine
    this.engine = engine
    this.processes = processes
    this.conflicts = new Conflicts(engine.automata, engine.buffered)
    this.lone = new LoneMovers(engine, this.conflicts)
    this.deliveries = new Deliveries(engine, this.conflicts)
    const { future, included, becomesReady } = this.deliveries
    this.future = future
    this.included = included
    this.becomesReady = becomesReady
    this.ways = Array.from({ length: processes }, () => NO_WAYS)
    this.needed = new Int32Array(2 * processes)
    this.either = new Int32Array(2 * processes)
  }

  /** Forgets what has been compared: it is computed again, from what is known by now. */
  forget(): void {
    this.conflicts.forget()
  }

  /** Takes note of the engine's current state. */
  look(): void {
    this.conflicts.refresh()
    this.known = 0
    this.deliveries.look()
  }

  /**
   * The set of movers that adds the fewest enabled transitions to `already` (itself persistent, or empty) and is persistent
   * together with it; 0 when there is nothing to add.
   */
  choose(already: number, lateDelivery = false): number {
    const { engine, processes } = this
    let best = 0
    let fewest = Number.POSITIVE_INFINITY
    this.alone = NONE
    for (let mover = 0; mover < 2 * processes; mover++) {
      const p = mover < processes ? mover : mover - processes
      if ((already >>> mover) & 1) continue
      if (mover < processes ? engine.enabled[p] === 0 : engine.buffer[p] === EMPTY) continue
      if (lateDelivery && mover < processes && this.included[p] !== 0) {
        const others = this.closureAlone(p)
        const count = others < 0 ? fewest : engine.choices[p]! + this.enabledIn(others)
        if (count < fewest) {
          fewest = count
          best = others
          this.alone = p
          if (count === 1) break
        }
      }
      const set = this.closure(already | (1 << mover), 0) & ~already
      const count = this.enabledIn(set)
      if (count < fewest) {
        fewest = count
        best = set
        this.alone = NONE
        if (count === 1) break
      }
    }
    return best
  }

  private enabledIn(set: number): number {
    const { engine, processes } = this
    let count = 0
    for (let p = 0; p < processes; p++) {
      if ((set >>> p) & 1) count += engine.enabled[p]!
      if ((set >>> (processes + p)) & 1 && engine.buffer[p] !== EMPTY) count++
    }
    return count
  }

  /** What `start` needs, where somebody in it has `alternatives` for needs (as in {@link either}). */
  private closure(start: number, alternatives: number): number {
    let set = start
    let done = 0
    let either = alternatives
    for (;;) {
      while (set !== done) {
        const mover = 31 - Math.clz32(set & ~done)
        done |= 1 << mover
        set |= this.needs(mover)
        either |= this.either[mover]!
      }
      const open = either & ~set & ~(set >>> this.processes)
      const missing = open === 0 ? this.wayToUnblock(set) : 1 << (this.processes + 31 - Math.clz32(open))
      if (missing === 0) return set
      set |= missing
    }
  }

  /** Movers that are missing to unblock some blocked process of a set, by its cheapest way; 0 if every one has a way inside. */
  private wayToUnblock(set: number): number {
    for (let p = 0; p < this.processes; p++) {
      if (((set >>> p) & 1) === 0 || this.ways[p]!.length === 0) continue
      let cheapest = 0
      let fewest = Number.POSITIVE_INFINITY
      for (const way of this.ways[p]!) {
        const missing = bitCount(way & ~set)
        if (missing >= fewest) continue
        fewest = missing
        cheapest = way & ~set
      }
      if (cheapest !== 0) return cheapest
    }
    return 0
  }

  /** The movers that have to go with the next operation of process `p` alone; -1 if it has to go with its deliveries. */
  private closureAlone(p: number): number {
    const { engine, conflicts } = this
    const { recorder, locals } = engine.automata
    if (engine.choices[p] === 0) return NONE
    const node = locals.nodes.data[engine.local[p]!]!
    if (engine.buffered[p] === 1 && recorder.operations[node]!.commit !== undefined) return NONE
    const operation = conflicts.ofOperation(p, node)
    const handlers = conflicts.future(p, DONE, this.deliveries.beforeNext(p))
    if (conflicts.withFuture(operation, handlers) & (WITH_PROCESS | WITH_LATER_STORES)) return NONE
    this.findConflicting(p, operation)
    if ((this.mustFind | this.eitherFind) & (1 << p)) return NONE
    const set = this.closure(this.mustFind, this.eitherFind)
    return (set >>> p) & 1 ? NONE : set
  }

  private needs(mover: number): number {
    if (((this.known >>> mover) & 1) === 0) {
      this.known |= 1 << mover
      this.needed[mover] = 0
      this.either[mover] = 0
      if (mover < this.processes) this.ways[mover] = NO_WAYS
      if (mover < this.processes) this.neededByProcess(mover)
      else this.neededByDrain(mover - this.processes)
    }
    return this.needed[mover]!
  }

  private neededByProcess(p: number): void {
    const { engine, conflicts } = this
    const { recorder, locals, handlers } = engine.automata
    const local = engine.local[p]!
    if (local === HALT) return
    const holds = engine.buffer[p] !== EMPTY
    if (local > HALT) {
      const node = locals.nodes.data[local]!
      // A disabled operation needs only somebody without whom it cannot become enabled: its drain, or the writers of the
      // cells that its guard has looked at.
      if (recorder.operations[node]!.drains && holds) this.needDrain(p)
      else if (engine.choices[p]! > 0) this.needConflicting(p, conflicts.ofOperation(p, node))
      else {
        this.needToUnblock(p, node)
      }
    }
    for (let i = 0, s = handlers.first[p]!; s < handlers.first[p + 1]!; i++, s++) {
      const status = engine.sourceStatus[s]!
      const source = handlers.sources[s]!
      if (status === DELIVERABLE) this.needConflicting(p, conflicts.ofSource(s))
      else if (status === BUFFER_FULL) this.needDrain(p)
      else if (((this.included[p]! >>> i) & 1) === 0) continue
      else if (status === MASKED) {
        this.needConflicting(p, this.deliveries.whatMasks(p, s))
      } else if (source.drains && holds) this.needDrain(p)
      else this.needConflicting(p, this.becomesReady[s]!)
    }
  }

  /** Each part of the guard that does not hold gives a set of movers without one of whom the operation stays blocked. */
  private needToUnblock(p: number, node: number): void {
    const { engine, processes } = this
    const ways: number[] = []
    engine.eachReason(p, node, () => {
      this.findConflicting(p, this.deliveries.ofAnswer())
      ways.push(this.mustFind | (this.eitherFind << processes))
    })
    this.ways[p] = ways
  }

  private needDrain(p: number): void {
    this.needed[p] = this.needed[p]! | (1 << (this.processes + p))
  }

  private needConflicting(p: number, alternative: number): void {
    this.findConflicting(p, alternative)
    this.needed[p] = this.needed[p]! | this.mustFind
    this.either[p] = this.either[p]! | this.eitherFind
  }

  private neededByDrain(p: number): void {
    const { engine, processes, conflicts } = this
    const alternative = conflicts.ofCommit(engine.automata.buffers.heads.at(engine.buffer[p]!))
    this.findConflicting(p, alternative)
    // Its own buffer is the drain itself; its own process is somebody else, whose loads are forwarded.
    const own = conflicts.withFuture(alternative, this.future[p]!) & WITH_OWN_PROCESS ? 1 << p : 0
    this.needed[processes + p] = (this.mustFind & ~(1 << (processes + p))) | own
    this.either[processes + p] = this.eitherFind
  }

  /**
   * Whoever may conflict with an alternative of process `p` has to be in: the movers in {@link mustFind}, and one of process
   * and drain for those in {@link eitherFind}.
   */
  private findConflicting(p: number, alternative: number): void {
    const { engine, conflicts, processes, future } = this
    let must = 0
    let either = 0
    for (let q = 0; q < processes; q++) {
      const buffer = engine.buffer[q]!
      const drain = 1 << (processes + q)
      if (q === p) {
        // As long as the process stands still, its drain has no more than today's stores.
        if (buffer !== EMPTY && conflicts.withBuffer(alternative, buffer) & WITH_OWN_STORES) must |= drain
        continue
      }
      const clash = conflicts.withFuture(alternative, future[q]!)
      if (clash & WITH_PROCESS) must |= 1 << q
      else if (clash & WITH_LATER_STORES) {
        if (buffer === EMPTY) must |= 1 << q
        else either |= 1 << q
      }
      if (buffer !== EMPTY && conflicts.withBuffer(alternative, buffer) & WITH_STORES) must |= drain
    }
    this.mustFind = must
    this.eitherFind = either
  }
}
