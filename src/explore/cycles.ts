/**
 * Whether the graph of states can have cycles (EXPLORER 8). Where code repeats a call (`repeat`), it can. Otherwise histories grow,
 * and a process comes back to a local state only by a handler that returns: on a cycle nothing runs but handlers. Each source that is delivered on it has to become ready again,
 * so either it is still ready right after its delivery, or some handler on the cycle writes a cell that made it not ready. And
 * no source of the cycle can count a cell down (or up) that nobody on the cycle counts back.
 *
 * What deliveries do is noted while the search makes them. If, at its end, no set of sources can do this, the graph that
 * was searched has no cycle, and nothing can have been put off for ever. Otherwise the search has to obey the proviso.
 */
import type { Cell } from '../core/cells.ts'
import { LATER_WRITES, WRITES } from './bit-rows.ts'
import type { Handlers } from './handlers.ts'
import type { Layout } from './layout.ts'
import type { SharedWords } from './parallel/words.ts'

/** A cell that delivery of a source writes. */
interface Counter {
  readonly cell: Cell
  /** Every delivery so far has made it larger. */
  up: boolean
  /** Every delivery so far has made it smaller. */
  down: boolean
}

export class Cycles {
  /** The proviso is needed, since some search has found that cycles are possible. */
  needProviso = false
  private readonly handlers: Handlers
  private readonly words: number
  /** By source: it was still ready right after a delivery. */
  private readonly stillReady: boolean[]
  /** By source: cells for which it was not ready right after a delivery. */
  private readonly reasons: Uint32Array[]
  /** By source: outcomes of `ready` that have been noted. */
  private readonly answers: Set<number>[]
  /** By source: the cells that delivery writes, and what all deliveries so far have done to each. */
  private readonly counters: Counter[][]

  constructor(handlers: Handlers, words: number) {
    this.handlers = handlers
    this.words = words
    this.stillReady = handlers.sources.map(() => false)
    this.reasons = handlers.sources.map(() => new Uint32Array(words))
    this.answers = handlers.sources.map(() => new Set())
    this.counters = handlers.sources.map(({ footprint }) =>
      (footprint.writes ?? []).map((cell) => ({ cell, up: true, down: true })),
    )
  }

  /** Notes what a delivery has done to the cells that it may write. */
  noteCounters(index: number, layout: Layout, before: Uint32Array, after: Uint32Array): void {
    for (const counter of this.counters[index]!) {
      const was = layout.get(before, counter.cell)
      const is = layout.get(after, counter.cell)
      if (is <= was) counter.up = false
      if (is >= was) counter.down = false
    }
  }

  isStillReady(index: number): boolean {
    return this.stillReady[index]!
  }

  /** Whether this answer about a source's readiness has been noted. */
  knows(index: number, outcome: number): boolean {
    return this.answers[index]!.has(outcome)
  }

  /** Notes whether a source is ready right after its delivery, and what that depends on. */
  noteReadiness(index: number, ready: boolean, outcome: number, dependences: readonly number[]): void {
    if (ready) this.stillReady[index] = true
    this.answers[index]!.add(outcome)
    const reasons = this.reasons[index]!
    for (const read of dependences) {
      const cell = read >>> 2
      reasons[cell >>> 5] = reasons[cell >>> 5]! | (1 << (cell & 31))
    }
  }

  /**
   * What holds of a source holds of the one that a permutation takes it to; `cells` and `sources` say where each goes. True when
   * that was news.
   */
  spread(cells: Int32Array, sources: Int32Array): boolean {
    let changed = false
    for (const [s, image] of sources.entries()) {
      if (this.stillReady[s] && !this.stillReady[image]) {
        this.stillReady[image] = true
        changed = true
      }
      const reasons = this.reasons[image]!
      for (let cell = 0; cell < cells.length; cell++) {
        if (((this.reasons[s]![cell >>> 5]! >>> (cell & 31)) & 1) === 0) continue
        const to = cells[cell]!
        if ((reasons[to >>> 5]! >>> (to & 31)) & 1) continue
        reasons[to >>> 5] = reasons[to >>> 5]! | (1 << (to & 31))
        changed = true
      }
      for (const { cell, up, down } of this.counters[s]!) {
        const other = this.counters[image]!.find((counter) => counter.cell === cells[cell])
        if (other === undefined || (up >= other.up && down >= other.down)) continue
        other.up &&= up
        other.down &&= down
        changed = true
      }
    }
    return changed
  }

  /** Shows what has been noted to other threads that search the same graph. */
  show(list: SharedWords): void {
    list.clear()
    for (const [s, reasons] of this.reasons.entries()) {
      list.push(this.stillReady[s] ? 1 : 0)
      for (const bits of reasons) list.push(bits)
      for (const { up, down } of this.counters[s]!) list.push((up ? 1 : 0) | (down ? 2 : 0))
    }
  }

  /** Takes over what another one shows. */
  join({ data }: SharedWords): void {
    let at = 1
    for (const [s, reasons] of this.reasons.entries()) {
      if (data[at++] === 1) this.stillReady[s] = true
      for (let i = 0; i < this.words; i++) reasons[i] = reasons[i]! | data[at++]!
      for (const counter of this.counters[s]!) {
        const directions = data[at++]!
        if ((directions & 1) === 0) counter.up = false
        if ((directions & 2) === 0) counter.down = false
      }
    }
  }

  /** Whether what was noted so far leaves a cycle possible. */
  possible(): boolean {
    if (this.handlers.hasLoops) return true
    let suspects = this.handlers.sources.map((_, s) => s).filter((s) => !this.isCounted(s))
    for (;;) {
      const left = suspects.filter(
        (s) => this.stillReady[s] || suspects.some((other) => this.makesReady(other, s)),
      )
      if (left.length === suspects.length) return left.length > 0
      suspects = left
    }
  }

  /** Every delivery counts some cell in one direction, and no handler or other delivery writes it. */
  private isCounted(s: number): boolean {
    return this.counters[s]!.some(({ cell, up, down }) => (up || down) && !this.isWrittenBesides(s, cell))
  }

  private isWrittenBesides(s: number, cell: Cell): boolean {
    return this.handlers.sources.some(
      (source, other) =>
        (other !== s && (source.footprint.writes ?? []).includes(cell)) ||
        ((this.frameWrites(other)[cell >>> 5]! >>> (cell & 31)) & 1) === 1,
    )
  }

  private makesReady(by: number, s: number): boolean {
    const writes = this.frameWrites(by)
    const reasons = this.reasons[s]!
    if (reasons.some((bits, i) => (bits & writes[i]!) !== 0)) return true
    if (by === s) return false
    return (this.handlers.sources[by]!.footprint.writes ?? []).some(
      (cell) => ((reasons[cell >>> 5]! >>> (cell & 31)) & 1) === 1,
    )
  }

  /** What the frames of a source write, at once or later. */
  private frameWrites(s: number): Uint32Array {
    const { words } = this
    const { data, stride } = this.handlers.frameRows(s)
    const base = s * stride
    return Uint32Array.from(
      { length: words },
      (_, i) => data[base + WRITES * words + i]! | data[base + LATER_WRITES * words + i]!,
    )
  }
}
