/**
 * Conflicts between what a mover can do now (an alternative) and what a mover may still do (a future), each computed once:
 * there are few local states, so the search asks the same questions over and over.
 */
import type { Cell } from '../core/cells.ts'
import type { Automata } from './automata.ts'
import { ALL, BitRows, DIRECT, LATER_ALL, LATER_SIDE, LATER_WRITES, WRITES } from './bit-rows.ts'
import { HALT } from './locals.ts'

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

export class Conflicts {
  private readonly automata: Automata
  private readonly buffered: Uint8Array
  private readonly words: number
  /** Accesses of alternatives: ALL, DIRECT and WRITES as they are, and what a commit writes beside its cell in LATER_SIDE. */
  private readonly alternatives: BitRows
  private alternativeCount = 0
  private readonly ofNodes: [number[], number[]] = [[], []]
  private readonly ofSources: number[] = []
  private readonly ofCommits: number[] = []
  private readonly ofWaits: number[] = []
  private readonly ofSets = new Map<number, number[]>()
  private readonly futures: BitRows
  private futureCount = 0
  /** Per process and set of sources: the future of each local state, plus 1. */
  private readonly futureIds: Map<number, Int32Array>[]
  private readonly futureTable: (Uint8Array | undefined)[] = []
  private readonly bufferTable: (Uint8Array | undefined)[] = []
  private growth = -1

  constructor(automata: Automata, buffered: Uint8Array) {
    const cells = automata.program.cells.size
    this.automata = automata
    this.buffered = buffered
    this.alternatives = new BitRows(cells)
    this.futures = new BitRows(cells)
    this.words = this.futures.words
    this.futureIds = Array.from(buffered, () => new Map())
  }

  /** Forgets what is no longer true because masks have grown. */
  refresh(): void {
    const { growth } = this.automata.recorder.futures
    if (growth === this.growth) return
    this.growth = growth
    this.futureCount = 0
    this.futureTable.length = 0
    for (const ids of this.futureIds) ids.clear()
  }

  /** What a process may still do from a local state; `included`: bits of its sources that may still be delivered. */
  future(process: number, local: number, included: number): number {
    let ids = this.futureIds[process]!.get(included)
    if (ids === undefined || local >= ids.length) ids = this.moreFutureIds(process, included, local, ids)
    const known = ids[local]!
    if (known !== 0) return known - 1
    const id = this.futureCount++
    ids[local] = id + 1
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

  private moreFutureIds(
    process: number,
    included: number,
    local: number,
    old: Int32Array | undefined,
  ): Int32Array {
    const ids = new Int32Array(Math.max(256, 2 * local))
    if (old !== undefined) ids.set(old)
    this.futureIds[process]!.set(included, ids)
    return ids
  }

  /** The alternative that is the operation at a node. */
  ofOperation(process: number, node: number): number {
    const known = this.ofNodes[this.buffered[process] === 1 ? 1 : 0]!
    let id = known[node]
    if (id === undefined) {
      id = this.newAlternative()
      known[node] = id
      this.alternatives.merge(id, this.automata.recorder.futures.own, node)
      this.fold(this.alternatives, id, this.buffered[process] === 0)
    }
    return id
  }

  /** The alternative that is delivery of a source. */
  ofSource(s: number): number {
    let id = this.ofSources[s]
    if (id === undefined) {
      id = this.newAlternative()
      this.ofSources[s] = id
      this.alternatives.merge(id, this.automata.handlers.own, s)
    }
    return id
  }

  /** The alternative that is the drain of a commit. */
  ofCommit(commit: number): number {
    let id = this.ofCommits[commit]
    if (id === undefined) {
      id = this.newAlternative()
      this.ofCommits[commit] = id
      const { commitRows } = this.automata.buffers
      const base = this.alternatives.base(id)
      const from = commitRows.base(commit)
      for (let i = 0; i < this.words; i++) {
        const all = commitRows.data[from + LATER_ALL * this.words + i]!
        this.alternatives.data[base + ALL * this.words + i] = all
        this.alternatives.data[base + DIRECT * this.words + i] = all
        this.alternatives.data[base + WRITES * this.words + i] =
          commitRows.data[from + LATER_WRITES * this.words + i]!
        this.alternatives.data[base + LATER_SIDE * this.words + i] =
          commitRows.data[from + LATER_SIDE * this.words + i]!
      }
    }
    return id
  }

  /** A source's becoming ready, where it is known on which cells that depends. */
  ofReadiness(s: number, waitsFor: readonly Cell[]): number {
    let id = this.ofWaits[s]
    if (id === undefined) {
      id = this.newAlternative()
      this.ofWaits[s] = id
      this.alternatives.addOwn(id, { reads: waitsFor })
    }
    return id
  }

  /** Becoming enabled, where that depends on the cells that an evaluation has read. */
  ofSeen(seen: Uint32Array, seenDirect: Uint32Array): number {
    let hash = 0
    for (let i = 0; i < this.words; i++)
      hash = (Math.imul(hash, 31) + seen[i]! + Math.imul(seenDirect[i]!, 17)) | 0
    let candidates = this.ofSets.get(hash)
    if (candidates === undefined) {
      candidates = []
      this.ofSets.set(hash, candidates)
    }
    for (const id of candidates) if (this.isSeen(id, seen, seenDirect)) return id
    const id = this.newAlternative()
    candidates.push(id)
    const base = this.alternatives.base(id)
    this.alternatives.data.set(seen, base + ALL * this.words)
    this.alternatives.data.set(seenDirect, base + DIRECT * this.words)
    return id
  }

  /** Whether an alternative is just that. */
  isSeen(id: number, seen: Uint32Array, seenDirect: Uint32Array): boolean {
    const { words } = this
    const base = id * this.alternatives.stride
    for (let i = 0; i < words; i++) {
      if (this.alternatives.data[base + ALL * words + i] !== seen[i]) return false
      if (this.alternatives.data[base + DIRECT * words + i] !== seenDirect[i]) return false
    }
    return true
  }

  /** {@link WITH_PROCESS}, {@link WITH_LATER_STORES} and {@link WITH_OWN_PROCESS} of an alternative and a future. */
  withFuture(alternative: number, future: number): number {
    const known = this.futureTable[alternative]?.[future] ?? 0
    if (known !== 0) return known
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
    remember(this.futureTable, alternative, future, bits)
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
    this.alternatives.clear(id)
    return id
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
