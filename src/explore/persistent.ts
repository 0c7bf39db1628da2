/**
 * Persistent sets (EXPLORER 1, 2, 7): a set of movers such that nothing that the others can ever do, as long as these stand
 * still, conflicts with what these can do now. Then it is enough to explore these.
 *
 * For each mover, `direct` is the set of movers that have to be in when it is; a persistent set is what is reachable along
 * that relation from any enabled mover. Mover p is process p; mover `processes + p` is its drain.
 *
 * Late delivery. A process whose next operation is enabled and conflicts with nothing that its own sources and their handlers
 * may touch can be explored by that operation *alone*, without delivering anything before it. Take a run in which handlers
 * (and others) come first, and the operation afterwards: all of those are independent of the operation, which is enabled from
 * the start and stays so, hence the run with the operation first is one too, and it ends in the same state. A run that never
 * gets to the operation (a handler that violates a property or never ends) is the same run behind the operation, since nobody
 * in it can tell; so every violation and every deadlock is found, though a deadlock perhaps only with the interrupted code one
 * operation further. An operation that would fill an empty store buffer does not qualify where delivery has to drain it, and one
 * that violates a property itself is followed by a full expansion where the search goes on after violations.
 */
import { ALL, DIRECT, LATER_ALL, LATER_SIDE, LATER_WRITES, WRITES } from './bit-rows.ts'
import { EMPTY } from './buffers.ts'
import { BUFFER_FULL, DELIVERABLE, type Engine, MASKED } from './engine.ts'
import { HALT } from './locals.ts'

/** More movers do not fit in one word of bits: such programs are explored in full. */
export const MAX_PROCESSES = 15

export class PersistentSets {
  private readonly engine: Engine
  private readonly words: number
  private readonly processes: number
  /** What each mover may still do: rows ALL, DIRECT, WRITES of processes; LATER_* of drains in the same places. */
  private readonly futures: Uint32Array
  /** What all movers together may still write. */
  private readonly writes: Uint32Array
  /** ALL, DIRECT and WRITES of the alternatives that a process has now. */
  private readonly now: Uint32Array
  private readonly direct: Int32Array
  private known = 0
  /** Movers that may still do something. */
  private live = 0
  /** Cells on which it depends that a source is not ready, by source. */
  private readonly reasons: Uint32Array
  /** Process whose next operation belongs to the chosen set, without its deliveries; -1 for none. */
  alone = -1
  private readonly included: Uint8Array

  constructor(engine: Engine) {
    const { handlers, recorder } = engine.automata
    this.engine = engine
    this.words = recorder.futures.own.words
    this.processes = engine.processes
    this.futures = new Uint32Array(2 * this.processes * 3 * this.words)
    this.writes = new Uint32Array(this.words)
    this.now = new Uint32Array(3 * this.words)
    this.direct = new Int32Array(2 * this.processes)
    this.reasons = new Uint32Array(handlers.sources.length * this.words)
    this.included = new Uint8Array(handlers.sources.length)
  }

  /** Takes note of the engine's current state. */
  look(): void {
    this.computeFutures()
    this.known = 0
  }

  /**
   * The set of movers that adds the fewest enabled transitions to `already` (itself persistent, or empty) and is persistent
   * together with it; 0 when there is nothing to add.
   */
  choose(already: number, lateDelivery = false): number {
    const { engine, processes } = this
    let best = 0
    let fewest = Number.POSITIVE_INFINITY
    this.alone = -1
    for (let mover = 0; mover < 2 * processes; mover++) {
      const p = mover < processes ? mover : mover - processes
      if ((already >>> mover) & 1) continue
      if (mover < processes ? engine.enabled[p] === 0 : engine.buffer[p] === EMPTY) continue
      if (lateDelivery && mover < processes) {
        const others = this.closureAlone(p)
        const count = others < 0 ? fewest : engine.choices[p]! + this.enabledIn(others)
        if (count < fewest) {
          fewest = count
          best = others
          this.alone = p
          if (count === 1) break
        }
      }
      const set = this.closure(mover) & ~already
      const count = this.enabledIn(set)
      if (count < fewest) {
        fewest = count
        best = set
        this.alone = -1
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

  private closure(start: number): number {
    return this.close(1 << start, 0)
  }

  /** The movers that have to go with the next operation of process `p` alone; -1 if it has to go with its deliveries. */
  private closureAlone(p: number): number {
    const needed = this.neededByOperation(p)
    if (needed < 0) return -1
    const set = this.close(needed, 0)
    return (set >>> p) & 1 ? -1 : set
  }

  private close(from: number, closed: number): number {
    let set = from
    let done = closed
    while (set !== done) {
      const mover = 31 - Math.clz32(set & ~done)
      done |= 1 << mover
      set |= this.needs(mover)
    }
    return set
  }

  private needs(mover: number): number {
    if (((this.known >>> mover) & 1) === 0) {
      const { processes } = this
      this.direct[mover] =
        mover < processes ? this.neededByProcess(mover) : this.neededByDrain(mover - processes)
      this.known |= 1 << mover
    }
    return this.direct[mover]!
  }

  // What the movers may still do -------------------------------------------------------------------------------------

  private computeFutures(): void {
    const { engine, words, futures, writes, processes } = this
    const { locals, buffers } = engine.automata
    for (let i = 0; i < futures.length; i++) futures[i] = 0
    for (let i = 0; i < words; i++) writes[i] = 0
    for (let p = 0; p < processes; p++) {
      const local = engine.local[p]!
      if (local > HALT) {
        const rows = locals.rows(local)
        this.addFuture(p, rows.data, local * rows.stride)
      }
      const buffer = engine.buffer[p]!
      if (buffer !== EMPTY) {
        const { data, stride } = buffers.rows
        const drain = (processes + p) * 3 * words
        for (let i = 0; i < 3 * words; i++) {
          futures[drain + i] = futures[drain + i]! | data[buffer * stride + LATER_ALL * words + i]!
        }
        for (let i = 0; i < words; i++) {
          writes[i] = writes[i]! | data[buffer * stride + LATER_WRITES * words + i]!
        }
      }
    }
    if (engine.sourceStatus.length > 0) this.includeHandlers()
    this.live = 0
    for (let mover = 0; mover < 2 * processes; mover++) {
      let any = 0
      for (let i = 0; i < words; i++) any |= futures[mover * 3 * words + i]!
      if (any !== 0) this.live |= 1 << mover
    }
  }

  /** Adds six rows to the future of a process and of its drain. */
  private addFuture(p: number, data: Uint32Array, base: number): void {
    const { words, futures, writes, processes, engine } = this
    const own = p * 3 * words
    for (let i = 0; i < 3 * words; i++) futures[own + i] = futures[own + i]! | data[base + i]!
    if (engine.buffered[p] === 1) {
      const drain = (processes + p) * 3 * words
      const later = base + LATER_ALL * words
      for (let i = 0; i < 3 * words; i++) futures[drain + i] = futures[drain + i]! | data[later + i]!
    } else {
      for (let i = 0; i < words; i++) {
        const all = data[base + LATER_ALL * words + i]!
        futures[own + ALL * words + i] = futures[own + ALL * words + i]! | all
        futures[own + DIRECT * words + i] = futures[own + DIRECT * words + i]! | all
        futures[own + WRITES * words + i] =
          futures[own + WRITES * words + i]! | data[base + LATER_WRITES * words + i]!
      }
    }
    for (let i = 0; i < words; i++) {
      writes[i] = writes[i]! | data[base + WRITES * words + i]! | data[base + LATER_WRITES * words + i]!
    }
  }

  /**
   * A handler belongs to the future of its process unless its source is not ready now and nobody can ever write a cell on
   * which that depends. Handlers may make each other possible, so this runs to a fixed point.
   */
  private includeHandlers(): void {
    const { engine, words, processes, reasons, included } = this
    const { handlers } = engine.automata
    for (let p = 0; p < processes; p++) {
      for (let s = handlers.first[p]!; s < handlers.first[p + 1]!; s++) {
        included[s] = 0
        if (engine.local[p] === HALT) continue
        const status = engine.sourceStatus[s]!
        if (status === DELIVERABLE || status === BUFFER_FULL || this.isReady(p, s)) this.include(p, s)
      }
    }
    for (let changed = true; changed; ) {
      changed = false
      for (let p = 0; p < processes; p++) {
        if (engine.local[p] === HALT) continue
        for (let s = handlers.first[p]!; s < handlers.first[p + 1]!; s++) {
          if (included[s] === 1) continue
          let possible = 0
          for (let i = 0; i < words; i++) possible |= reasons[s * words + i]! & this.writes[i]!
          if (possible === 0) continue
          this.include(p, s)
          changed = true
        }
      }
    }
  }

  private include(p: number, s: number): void {
    const rows = this.engine.automata.handlers.rows(s)
    this.included[s] = 1
    this.addFuture(p, rows.data, s * rows.stride)
  }

  /** Whether a source is ready; the cells that tell that it is not are noted. */
  private isReady(p: number, s: number): boolean {
    const { engine, words, reasons } = this
    const { memory } = engine
    engine.lookAt(p, s)
    memory.startTracking()
    const ready = engine.automata.handlers.sources[s]!.ready(memory)
    memory.tracking = false
    for (let i = 0; i < words; i++) reasons[s * words + i] = memory.seen[i]!
    return ready
  }

  // Who has to be in -------------------------------------------------------------------------------------------------

  private neededByProcess(p: number): number {
    const { engine, now, processes } = this
    const { recorder, locals, handlers } = engine.automata
    now.fill(0)
    let set = 0
    const drain = 1 << (processes + p)
    const local = engine.local[p]!
    if (local === HALT) return 0
    if (local > HALT) {
      const node = locals.nodes.data[local]!
      const operation = recorder.operations[node]!
      const own = recorder.futures.own
      // A disabled operation needs only somebody without whom it cannot become enabled: its drain, or the writers of the
      // cells that its guard has looked at.
      if (operation.drains && engine.buffer[p] !== EMPTY) set |= drain
      else if (engine.choices[p]! > 0) this.addNow(own.data, node * own.stride, engine.buffered[p] === 0)
      else {
        engine.memory.startTracking()
        engine.guardHolds(p, node)
        this.addSeen()
      }
    }
    for (let s = handlers.first[p]!; s < handlers.first[p + 1]!; s++) {
      const status = engine.sourceStatus[s]!
      const source = handlers.sources[s]!
      if (status === DELIVERABLE) this.addNow(handlers.own.data, s * handlers.own.stride, false)
      else if (status === BUFFER_FULL) set |= drain
      else if (this.included[s] === 0) continue
      else if (status === MASKED) {
        engine.lookAt(p, s)
        engine.memory.startTracking()
        source.masked(engine.memory)
        this.addSeen()
      } else if (source.drains && engine.buffer[p] !== EMPTY) set |= drain
      else {
        engine.lookAt(p, s)
        engine.memory.startTracking()
        source.ready(engine.memory)
        this.addSeen()
      }
    }
    return set | this.conflicts(p)
  }

  /**
   * What the next operation of a process needs when nothing is delivered before it: see "late delivery" above. -1 if it does
   * not qualify, or if there is nothing that could be delivered.
   */
  private neededByOperation(p: number): number {
    const { engine, now } = this
    const { recorder, locals, handlers } = engine.automata
    if (engine.choices[p] === 0) return -1
    const node = locals.nodes.data[engine.local[p]!]!
    const enqueues = engine.buffered[p] === 1 && recorder.operations[node]!.commit !== undefined
    const own = recorder.futures.own
    now.fill(0)
    this.addNow(own.data, node * own.stride, engine.buffered[p] === 0)
    let any = false
    for (let s = handlers.first[p]!; s < handlers.first[p + 1]!; s++) {
      if (this.included[s] === 0) continue
      any = true
      if (enqueues && handlers.sources[s]!.drains) return -1
      if (this.clashesWithHandler(s)) return -1
    }
    return any ? this.conflicts(p) : -1
  }

  /** Whether {@link now} conflicts with a source or with anything that its handlers may touch, now or when stores drain. */
  private clashesWithHandler(s: number): boolean {
    const { now, words } = this
    const { data, stride } = this.engine.automata.handlers.rows(s)
    const base = s * stride
    let clash = 0
    for (let i = 0; i < words; i++) {
      const writes = data[base + WRITES * words + i]! | data[base + LATER_WRITES * words + i]!
      const all = data[base + ALL * words + i]! | data[base + LATER_ALL * words + i]!
      clash |= (writes & now[ALL * words + i]!) | (all & now[WRITES * words + i]!)
    }
    return clash !== 0
  }

  private addNow(data: Uint32Array, base: number, commits: boolean): void {
    const { now, words } = this
    for (let i = 0; i < 3 * words; i++) now[i] = now[i]! | data[base + i]!
    if (!commits) return
    for (let i = 0; i < words; i++) {
      const all = data[base + LATER_ALL * words + i]!
      now[ALL * words + i] = now[ALL * words + i]! | all
      now[DIRECT * words + i] = now[DIRECT * words + i]! | all
      now[WRITES * words + i] = now[WRITES * words + i]! | data[base + LATER_WRITES * words + i]!
    }
  }

  /** Adds the cells that the last tracked evaluation has read. */
  private addSeen(): void {
    const { now, words, engine } = this
    const { seen, seenDirect } = engine.memory
    engine.memory.tracking = false
    for (let i = 0; i < words; i++) {
      now[ALL * words + i] = now[ALL * words + i]! | seen[i]!
      now[DIRECT * words + i] = now[DIRECT * words + i]! | seenDirect[i]!
    }
  }

  /** Movers whose future conflicts with {@link now}, the alternatives of process `p`. */
  private conflicts(p: number): number {
    const { now, futures, words, processes, engine } = this
    const { data, stride } = engine.automata.buffers.rows
    let set = 0
    for (let others = this.live & ~(1 << p); others !== 0; others &= others - 1) {
      const mover = 31 - Math.clz32(others & -others)
      const future = mover * 3 * words
      let clash = 0
      if (mover === processes + p) {
        // The own drain, which has only today's buffer as long as its process stands still. Loads are forwarded, so they
        // see the same before and after it, unless it writes more than its cell.
        const base = engine.buffer[p]! * stride
        for (let i = 0; i < words; i++) {
          clash |= data[base + LATER_WRITES * words + i]! & now[DIRECT * words + i]!
          clash |= data[base + LATER_SIDE * words + i]! & now[ALL * words + i]!
          clash |= data[base + LATER_ALL * words + i]! & now[WRITES * words + i]!
        }
      } else {
        const writes = future + (mover < processes ? WRITES : LATER_WRITES - LATER_ALL) * words
        for (let i = 0; i < words; i++) {
          clash |= futures[writes + i]! & now[ALL * words + i]!
          clash |= futures[future + i]! & now[WRITES * words + i]!
        }
      }
      if (clash !== 0) set |= 1 << mover
    }
    return set
  }

  private neededByDrain(p: number): number {
    const { engine, futures, words, processes } = this
    const { buffers } = engine.automata
    const buffer = engine.buffer[p]!
    // An empty drain can be enabled by its process only.
    if (buffer === EMPTY) return 1 << p
    const { data, stride } = buffers.commitRows
    const base = buffers.heads.at(buffer) * stride
    const all = base + LATER_ALL * words
    const writes = base + LATER_WRITES * words
    const side = base + LATER_SIDE * words
    let set = 0
    for (let others = this.live & ~(1 << (processes + p)); others !== 0; others &= others - 1) {
      const mover = 31 - Math.clz32(others & -others)
      const future = mover * 3 * words
      const futureWrites = future + (mover < processes ? WRITES : LATER_WRITES - LATER_ALL) * words
      // Loads of the own process are forwarded: only its other accesses conflict with what the store writes.
      const futureAll = mover === p ? future + DIRECT * words : future
      let clash = 0
      for (let i = 0; i < words; i++) {
        clash |= futures[futureWrites + i]! & data[all + i]!
        clash |= futures[futureAll + i]! & data[writes + i]!
        if (mover === p) clash |= futures[future + i]! & data[side + i]!
      }
      if (clash !== 0) set |= 1 << mover
    }
    return set
  }
}
