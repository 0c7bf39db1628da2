/**
 * What events touch, interned: there are few different sets of accesses, and the search asks over and over whether two of
 * them are in conflict.
 *
 * A set is the node of a trie, whose edges are single accesses. A load of a value that its own thread has stored ("own")
 * names that store: it commutes with the store's drain, and with everything that the drain commutes with.
 */
import { IntList } from '../int-list.ts'

/** Kinds of access, within a code. */
const READ = 0
const WRITE = 1
const OWN = 2
const KINDS = 3

/** Two sets are in conflict whenever they meet. */
export const CONFLICT = 1
/** The second one writes what the first has loaded of its own thread's: a conflict once that store has drained. */
export const FIRST_OWN = 2
/** The first one writes what the second has loaded of its own thread's. */
export const SECOND_OWN = 4

/** No access at all. */
export const NOTHING = 0

/** Relations of sets below this are kept in a table. */
const TABLE_LIMIT = 2048
const UNKNOWN = 0xff

export class Accesses {
  readonly reads: (readonly number[])[] = [[]]
  readonly writes: (readonly number[])[] = [[]]
  /** Pairs of a cell and the number of the own store that was loaded. */
  readonly owns: (readonly number[])[] = [[]]
  /** Equal for sets that read the same cells and write the same cells, whoever the values are from. */
  readonly touched: number[] = [0]
  private readonly touchedIds = new Map<string, number>([['|', 0]])
  private readonly cells: number
  private readonly edges = new Map<number, number>()
  /** The edge of each node that was taken last. */
  private readonly lastCode = new IntList()
  private readonly lastNode = new IntList()
  private table = new Uint8Array(0)
  private side = 0

  constructor(cells: number) {
    this.cells = Math.max(1, cells)
    this.lastCode.push(-1)
    this.lastNode.push(-1)
  }

  read(cell: number): number {
    return cell * KINDS + READ
  }

  write(cell: number): number {
    return cell * KINDS + WRITE
  }

  own(cell: number, store: number): number {
    return (store * this.cells + cell) * KINDS + OWN
  }

  /** A set with one more access. */
  with(set: number, code: number): number {
    if (this.lastCode.data[set] === code) return this.lastNode.data[set]!
    const key = set * 2 ** 30 + code
    let next = this.edges.get(key)
    if (next === undefined) {
      next = this.add(set, code)
      this.edges.set(key, next)
    }
    this.lastCode.data[set] = code
    this.lastNode.data[set] = next
    return next
  }

  /** {@link CONFLICT}, or {@link FIRST_OWN} and {@link SECOND_OWN}, or 0. */
  relation(a: number, b: number): number {
    if (a === NOTHING || b === NOTHING) return 0
    if (a >= this.side || b >= this.side) {
      if (a >= TABLE_LIMIT || b >= TABLE_LIMIT) return this.relate(a, b)
      this.enlarge()
    }
    const at = a * this.side + b
    let found = this.table[at]!
    if (found === UNKNOWN) {
      found = this.relate(a, b)
      this.table[at] = found
    }
    return found
  }

  private relate(a: number, b: number): number {
    const readsOfA = this.reads[a]!
    const readsOfB = this.reads[b]!
    const writesOfA = this.writes[a]!
    const writesOfB = this.writes[b]!
    for (const cell of writesOfA) if (writesOfB.includes(cell) || readsOfB.includes(cell)) return CONFLICT
    for (const cell of readsOfA) if (writesOfB.includes(cell)) return CONFLICT
    return (this.loadsOwn(a, writesOfB) ? FIRST_OWN : 0) | (this.loadsOwn(b, writesOfA) ? SECOND_OWN : 0)
  }

  private loadsOwn(set: number, cells: readonly number[]): boolean {
    const owns = this.owns[set]!
    for (let i = 0; i < owns.length; i += 2) if (cells.includes(owns[i]!)) return true
    return false
  }

  private add(set: number, code: number): number {
    const kind = code % KINDS
    const rest = Math.floor(code / KINDS)
    const cell = rest % this.cells
    this.lastCode.push(-1)
    this.lastNode.push(-1)
    this.writes.push(kind === WRITE ? [...this.writes[set]!, cell] : this.writes[set]!)
    this.owns.push(kind === OWN ? [...this.owns[set]!, cell, Math.floor(rest / this.cells)] : this.owns[set]!)
    const added = this.reads.push(kind === READ ? [...this.reads[set]!, cell] : this.reads[set]!) - 1
    this.touched.push(this.touchedId(added))
    return added
  }

  private touchedId(set: number): number {
    const owns = this.owns[set]!.filter((_, i) => i % 2 === 0)
    const sorted = (cells: readonly number[]) => [...cells].sort((a, b) => a - b).join(' ')
    const key = `${sorted([...this.reads[set]!, ...owns])}|${sorted(this.writes[set]!)}`
    let id = this.touchedIds.get(key)
    if (id === undefined) {
      id = this.touchedIds.size
      this.touchedIds.set(key, id)
    }
    return id
  }

  private enlarge(): void {
    this.side = Math.min(
      TABLE_LIMIT,
      Math.max(64, this.side * 2, 2 ** Math.ceil(Math.log2(this.reads.length))),
    )
    this.table = new Uint8Array(this.side * this.side).fill(UNKNOWN)
  }
}

/** Gathers the accesses of one event, each once. */
export class Notes {
  readonly accesses: Accesses
  /** The set so far. */
  set = NOTHING
  private readonly readAt: Int32Array
  private readonly writeAt: Int32Array
  private readonly ownAt: Int32Array
  private now = 0

  constructor(accesses: Accesses, cells: number) {
    this.accesses = accesses
    this.readAt = new Int32Array(cells)
    this.writeAt = new Int32Array(cells)
    this.ownAt = new Int32Array(cells)
  }

  begin(): void {
    this.now = (this.now + 1) | 0
    this.set = NOTHING
  }

  written(cell: number): boolean {
    return this.writeAt[cell] === this.now
  }

  /** True when the access is the event's first of its kind. */
  read(cell: number): boolean {
    if (this.readAt[cell] === this.now || this.writeAt[cell] === this.now) return false
    this.readAt[cell] = this.now
    this.set = this.accesses.with(this.set, this.accesses.read(cell))
    return true
  }

  write(cell: number): boolean {
    if (this.writeAt[cell] === this.now) return false
    this.writeAt[cell] = this.now
    this.set = this.accesses.with(this.set, this.accesses.write(cell))
    return true
  }

  own(cell: number, store: number): boolean {
    if (this.ownAt[cell] === this.now) return false
    this.ownAt[cell] = this.now
    this.set = this.accesses.with(this.set, this.accesses.own(cell, store))
    return true
  }
}
