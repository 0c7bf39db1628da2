/**
 * Conflicts between what a mover can do now (an alternative) and what a mover may still do (a future), each computed once:
 * there are few local states, so the search asks the same questions over and over.
 */
import type { Cell } from '../core/cells.ts'
import type { Automata } from './automata.ts'
import { ALL, BitRows, DIRECT, LATER_ALL, LATER_SIDE, LATER_WRITES, WRITES } from './bit-rows.ts'
import { HALT } from './locals.ts'
import { GET } from './memory.ts'

/** With what a process itself may still do. */
export const WITH_PROCESS = 1
/** With what the drain of its store buffer may do to stores that are still to come. */
export const WITH_LATER_STORES = 2
/** A store of the process's own buffer, with what the process itself may still do: its loads are forwarded. */
export const WITH_OWN_PROCESS = 4
const KNOWN = 8

/** With the stores that are in a buffer. */
export const WITH_STORES = 1
/** The same, when it is the own buffer: loads see the same before and after the drain. */
export const WITH_OWN_STORES = 2

/** More sources on one process are not told apart: such programs are explored in full. */
export const MAX_SOURCES = 20

/** Numbers of alternatives. */
type Known = (number | undefined)[]

export class Conflicts {
  private readonly automata: Automata
  private readonly buffered: Uint8Array
  private readonly words: number
  /** Accesses of alternatives: ALL, DIRECT and WRITES as they are, and what a commit writes beside its cell in LATER_SIDE. */
  private readonly alternatives: BitRows
  private alternativeCount = 0
  /** By node, for processes with and without store buffer. */
  private readonly ofBufferedNodes: Known = []
  private readonly ofNodes: Known = []
  private readonly ofSources: Known = []
  private readonly ofCommits: Known = []
  private readonly ofWaits: Known = []
  private readonly ofOutcomes: Known = []
  private readonly ofSets = new Map<string, number>()
  private readonly futures: BitRows
  private futureCount = 0
  /** By process, set of sources and local state: its future, plus 1. */
  private readonly futureIds: (Int32Array | undefined)[][]
  /** Answers of {@link withFuture}: one row of {@link stride} for each alternative. */
  private table = new Uint8Array(64 * 64)
  private stride = 64
  private readonly bufferTable: (Uint8Array | undefined)[] = []
  private growth = -1

  constructor(automata: Automata, buffered: Uint8Array) {
    const cells = automata.program.cells.size
    this.automata = automata
    this.buffered = buffered
    this.alternatives = new BitRows(cells)
    this.futures = new BitRows(cells)
    this.words = this.futures.words
    this.futureIds = Array.from(buffered, () => [])
  }

  /** Forgets what is no longer true because masks have grown. */
  refresh(): void {
    const { growth } = this.automata.recorder.futures
    if (growth === this.growth) return
    this.growth = growth
    this.forget()
  }

  /** Forgets all futures. */
  forget(): void {
    this.futureCount = 0
    this.table.fill(0)
    for (const ids of this.futureIds) ids.length = 0
  }

  /** What a process may still do from a local state; `included`: bits of its sources that may still be delivered. */
  future(process: number, local: number, included: number): number {
    const known = this.futureIds[process]![included]?.[local] ?? 0
    return known !== 0 ? known - 1 : this.newFuture(process, local, included)
  }

  private newFuture(process: number, local: number, included: number): number {
    const id = this.futureCount++
    if (id >= this.stride) this.relayTable(this.table.length / this.stride, 2 * this.stride)
    this.rememberFuture(process, local, included, id)
    const { locals, handlers } = this.automata
    const { futures } = this
    futures.clear(id)
    if (local > HALT) futures.merge(id, locals.rows(local), local)
    for (let i = 0, s = handlers.first[process]!; s < handlers.first[process + 1]!; i++, s++) {
      if ((included >>> i) & 1) futures.merge(id, handlers.rows(s), s)
    }
    // Without a store buffer, a process commits its stores itself.
    if (this.buffered[process] === 0) this.fold(futures, id, true)
    return id
  }

  private rememberFuture(process: number, local: number, included: number, id: number): void {
    let ids = this.futureIds[process]![included]
    if (ids === undefined || local >= ids.length) {
      const more = new Int32Array(Math.max(256, 2 * local))
      if (ids !== undefined) more.set(ids)
      this.futureIds[process]![included] = more
      ids = more
    }
    ids[local] = id + 1
  }

  /** The alternative that is the operation at a node. */
  ofOperation(process: number, node: number): number {
    const buffered = this.buffered[process] === 1
    const known = buffered ? this.ofBufferedNodes : this.ofNodes
    return known[node] ?? this.addOperation(known, node, buffered)
  }

  private addOperation(known: Known, node: number, buffered: boolean): number {
    const id = this.newAlternative()
    known[node] = id
    this.alternatives.merge(id, this.automata.recorder.futures.own, node)
    this.fold(this.alternatives, id, !buffered)
    return id
  }

  /** The alternative that is delivery of a source. */
  ofSource(s: number): number {
    return this.ofSources[s] ?? this.addSource(s)
  }

  private addSource(s: number): number {
    const id = this.newAlternative()
    this.ofSources[s] = id
    this.alternatives.merge(id, this.automata.handlers.own, s)
    return id
  }

  /** The alternative that is the drain of a commit. */
  ofCommit(commit: number): number {
    return this.ofCommits[commit] ?? this.addCommit(commit)
  }

  private addCommit(commit: number): number {
    const id = this.newAlternative()
    this.ofCommits[commit] = id
    const { words, alternatives } = this
    const { commitRows } = this.automata.buffers
    const base = alternatives.base(id)
    const from = commitRows.base(commit)
    for (let i = 0; i < words; i++) {
      const all = commitRows.data[from + LATER_ALL * words + i]!
      alternatives.data[base + ALL * words + i] = all
      alternatives.data[base + DIRECT * words + i] = all
      alternatives.data[base + WRITES * words + i] = commitRows.data[from + LATER_WRITES * words + i]!
      alternatives.data[base + LATER_SIDE * words + i] = commitRows.data[from + LATER_SIDE * words + i]!
    }
    return id
  }

  /** A source's becoming ready, where it is known on which cells that depends. */
  ofReadiness(s: number, waitsFor: readonly Cell[]): number {
    return this.ofWaits[s] ?? this.addReadiness(s, waitsFor)
  }

  private addReadiness(s: number, waitsFor: readonly Cell[]): number {
    const id = this.newAlternative()
    this.ofWaits[s] = id
    this.alternatives.addOwn(id, { reads: waitsFor })
    return id
  }

  /** Becoming enabled, where that depends on what an evaluation has read (`cell * 4 + kind`). */
  ofReads(reads: readonly number[]): number {
    const direct = new Set(reads.filter((read) => (read & 3) === GET))
    const loads = reads.filter((read) => !direct.has((read & ~3) | GET))
    const key = [...direct, ...loads].sort((a, b) => a - b).join(' ')
    let id = this.ofSets.get(key)
    if (id === undefined) {
      const cellsOf = (some: Iterable<number>) => Array.from(some, (read) => (read >>> 2) as Cell)
      id = this.newAlternative()
      this.ofSets.set(key, id)
      this.alternatives.addOwn(id, { reads: cellsOf(direct), loads: cellsOf(loads) })
    }
    return id
  }

  /** The same for an evaluation that has been kept. */
  ofOutcome(outcome: number): number {
    return this.ofOutcomes[outcome] ?? this.addOutcome(outcome)
  }

  private addOutcome(outcome: number): number {
    const id = this.ofReads(this.automata.trees.decisions.dependencesOf(outcome))
    this.ofOutcomes[outcome] = id
    return id
  }

  /** {@link WITH_PROCESS}, {@link WITH_LATER_STORES} and {@link WITH_OWN_PROCESS} of an alternative and a future. */
  withFuture(alternative: number, future: number): number {
    const known = this.table[alternative * this.stride + future]!
    return known !== 0 ? known : this.compareWithFuture(alternative, future)
  }

  private compareWithFuture(alternative: number, future: number): number {
    const { words, futures, alternatives } = this
    const f = future * futures.stride
    const a = alternative * alternatives.stride
    let process = 0
    let later = 0
    let own = 0
    for (let i = 0; i < words; i++) {
      const all = alternatives.data[a + ALL * words + i]!
      const writes = alternatives.data[a + WRITES * words + i]!
      const processAll = futures.data[f + ALL * words + i]!
      const processWrites = futures.data[f + WRITES * words + i]!
      process |= (processWrites & all) | (processAll & writes)
      later |= futures.data[f + LATER_WRITES * words + i]! & all
      later |= futures.data[f + LATER_ALL * words + i]! & writes
      own |= (processWrites & all) | (futures.data[f + DIRECT * words + i]! & writes)
      own |= processAll & alternatives.data[a + LATER_SIDE * words + i]!
    }
    const bits =
      KNOWN |
      (process === 0 ? 0 : WITH_PROCESS) |
      (later === 0 ? 0 : WITH_LATER_STORES) |
      (own === 0 ? 0 : WITH_OWN_PROCESS)
    this.table[alternative * this.stride + future] = bits
    return bits
  }

  /** {@link WITH_STORES} and {@link WITH_OWN_STORES} of an alternative and a buffer. */
  withBuffer(alternative: number, buffer: number): number {
    const known = this.bufferTable[alternative]?.[buffer] ?? 0
    if (known !== 0) return known
    const { words, alternatives } = this
    const { rows } = this.automata.buffers
    const b = buffer * rows.stride
    const a = alternative * alternatives.stride
    let foreign = 0
    let own = 0
    for (let i = 0; i < words; i++) {
      const all = alternatives.data[a + ALL * words + i]!
      const writes = alternatives.data[a + WRITES * words + i]!
      const storesAll = rows.data[b + LATER_ALL * words + i]!
      const storesWrites = rows.data[b + LATER_WRITES * words + i]!
      foreign |= (storesWrites & all) | (storesAll & writes)
      own |= (storesWrites & alternatives.data[a + DIRECT * words + i]!) | (storesAll & writes)
      own |= rows.data[b + LATER_SIDE * words + i]! & all
    }
    const bits = KNOWN | (foreign === 0 ? 0 : WITH_STORES) | (own === 0 ? 0 : WITH_OWN_STORES)
    remember(this.bufferTable, alternative, buffer, bits)
    return bits
  }

  private newAlternative(): number {
    const id = this.alternativeCount++
    const rows = this.table.length / this.stride
    if (id >= rows) this.relayTable(2 * rows, this.stride)
    this.alternatives.clear(id)
    return id
  }

  private relayTable(rows: number, stride: number): void {
    const table = new Uint8Array(rows * stride)
    for (let row = 0, old = this.stride; row * old < this.table.length; row++) {
      table.set(this.table.subarray(row * old, (row + 1) * old), row * stride)
    }
    this.table = table
    this.stride = stride
  }

  /** Makes what is done later part of what is done at once (`merge`), or drops it. */
  private fold(rows: BitRows, id: number, merge: boolean): void {
    const { words } = this
    const { data } = rows
    const base = id * rows.stride
    for (let i = 0; i < words; i++) {
      const all = data[base + LATER_ALL * words + i]!
      const writes = data[base + LATER_WRITES * words + i]!
      for (const row of [LATER_ALL, LATER_WRITES, LATER_SIDE]) data[base + row * words + i] = 0
      if (!merge) continue
      data[base + ALL * words + i] = data[base + ALL * words + i]! | all
      data[base + DIRECT * words + i] = data[base + DIRECT * words + i]! | all
      data[base + WRITES * words + i] = data[base + WRITES * words + i]! | writes
    }
  }
}

function remember(table: (Uint8Array | undefined)[], row: number, column: number, bits: number): void {
  let cells = table[row]
  if (cells === undefined || column >= cells.length) {
    const grown = new Uint8Array(Math.max(64, 2 * column))
    if (cells !== undefined) grown.set(cells)
    table[row] = grown
    cells = grown
  }
  cells[column] = bits
}
