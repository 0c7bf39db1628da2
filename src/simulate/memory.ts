/**
 * The memory of one guest under a clock: cells in a plain typed array. Beside each cell stands who has its cache line, for lines
 * that have to come from another CPU: one CPU that has written it, or those that have read it since. A cell that nobody has
 * written is everybody's. And whether somebody waits for a change of it.
 */
import type { Cell, CellTable } from '../core/cells.ts'
import { InternalError } from '../core/errors.ts'
import type { Memory } from '../core/operation.ts'
import type { Violation } from '../core/violation.ts'

/** A change of this cell may make a source ready, or a guard true. */
export const RAISES = 1
export const WATCHED = 2

/** Finds out which cells a condition looks at. */
export class ReadCells implements Memory {
  private memory: Memory | undefined
  private cells: Cell[] = []

  of(memory: Memory, condition: (memory: Memory) => boolean): readonly Cell[] {
    this.memory = memory
    this.cells = []
    condition(this)
    this.memory = undefined
    return this.cells
  }

  get(cell: Cell): number {
    this.cells.push(cell)
    return this.memory!.peek(cell)
  }

  peek(cell: Cell): number {
    return this.get(cell)
  }

  load(cell: Cell): number {
    return this.get(cell)
  }

  set(): void {
    throw new InternalError('a guard changes memory')
  }

  violate(violation: Violation): void {
    this.memory?.violate(violation)
  }
}

/** Nobody has it alone: the last one to touch it only read it. */
const SHARED = -1
/** No CPU; and the mark that every CPU holds the line. */
const NOBODY = -1
const EVERYBODY = -2
/** CPUs whose holding a line fits into one word, with a bit for each; the word of a line that everybody holds. */
const NARROW = 32
const ALL = -1

export class TimedMemory implements Memory {
  private readonly table: CellTable
  private cells: Int32Array
  private writers: Int16Array
  /** Who of those that hold a shared line gives it to others; everybody who holds it, in small guests and in large ones. */
  private firstHolders: Int16Array
  private holders: Int32Array
  private readonly crowds = new Map<number, Set<number>>()
  private readonly narrow: boolean
  /** {@link RAISES}, {@link WATCHED}. */
  flags: Uint8Array
  /** When the line of a cell is free again, for locked instructions that queue for it. */
  lineFree: Float64Array
  /** Who acts, as a number within the guest. */
  acting = 0
  /** The last line that had to be fetched since it was cleared; -1 for none, and from whom. */
  missed = -1
  missedFrom = 0
  /** Flagged cells that have been written since the count was cleared. */
  readonly touched: number[] = []
  touchedCount = 0
  violations = 0
  firstViolation: Violation | undefined

  /** @param processes - that may act */
  constructor(table: CellTable, processes = 1) {
    this.table = table
    this.narrow = processes <= NARROW
    const size = table.size
    this.declared = size
    this.cells = new Int32Array(size)
    this.writers = new Int16Array(size).fill(SHARED)
    this.firstHolders = new Int16Array(size).fill(EVERYBODY)
    this.holders = new Int32Array(size).fill(ALL)
    this.flags = new Uint8Array(size)
    this.lineFree = new Float64Array(size)
    for (let cell = 0; cell < size; cell++) this.cells[cell] = table.cells[cell]!.initial
  }

  /** Cells in use, for measurements. */
  get size(): number {
    return this.table.size
  }

  /** Cells have been declared while the guest runs (frames). */
  private grow(): void {
    const size = Math.max(this.table.size, 2 * this.cells.length)
    const larger = <T extends Int32Array | Int16Array | Uint8Array | Float64Array>(to: T, from: T): T => {
      to.set(from)
      return to
    }
    this.cells = larger(new Int32Array(size), this.cells)
    this.writers = larger(new Int16Array(size).fill(SHARED), this.writers)
    this.firstHolders = larger(new Int16Array(size).fill(EVERYBODY), this.firstHolders)
    this.holders = larger(new Int32Array(size).fill(ALL), this.holders)
    this.flags = larger(new Uint8Array(size), this.flags)
    this.lineFree = larger(new Float64Array(size), this.lineFree)
  }

  /** Cells that have their initial values. */
  private declared: number

  /** To be called when cells may have been added. */
  adopt(): void {
    if (this.table.size > this.cells.length) this.grow()
    for (let cell = this.declared; cell < this.table.size; cell++) {
      this.cells[cell] = this.table.cells[cell]!.initial
    }
    this.declared = this.table.size
  }

  get(cell: Cell): number {
    if (this.writers[cell] !== this.acting) this.read(cell)
    return this.cells[cell]!
  }

  peek(cell: Cell): number {
    return this.cells[cell]!
  }

  load(cell: Cell): number {
    if (this.writers[cell] !== this.acting) this.read(cell)
    return this.cells[cell]!
  }

  set(cell: Cell, value: number): void {
    const writer = this.writers[cell]!
    if (writer !== this.acting) {
      this.missed = cell
      this.missedFrom = writer === SHARED ? Math.max(NOBODY, this.firstHolders[cell]!) : writer
      this.writers[cell] = this.acting
    }
    if (this.cells[cell] === value) return
    this.cells[cell] = value
    if (this.flags[cell] !== 0) this.touched[this.touchedCount++] = cell
  }

  /** A CPU that has not written the cell last reads it: the line comes to it, unless it has it already. */
  private read(cell: number): void {
    const { acting } = this
    const writer = this.writers[cell]!
    if (writer !== SHARED) {
      this.missed = cell
      this.missedFrom = writer
      this.writers[cell] = SHARED
      this.firstHolders[cell] = writer
      // In a large guest the word is the second that holds it.
      this.holders[cell] = this.narrow ? (1 << writer) | (1 << acting) : acting
      if (!this.narrow) this.crowds.delete(cell)
      return
    }
    if (this.narrow) {
      const held = this.holders[cell]!
      if (((held >>> acting) & 1) !== 0) return
      this.holders[cell] = held | (1 << acting)
    } else if (this.holdsInCrowd(cell)) return
    this.missed = cell
    this.missedFrom = this.firstHolders[cell]!
  }

  /** Whether the acting CPU of a large guest holds a shared line; it does from now on. */
  private holdsInCrowd(cell: number): boolean {
    const { acting } = this
    const first = this.firstHolders[cell]!
    if (first === acting || first === EVERYBODY || this.holders[cell] === acting) return true
    let crowd = this.crowds.get(cell)
    if (crowd === undefined) {
      crowd = new Set()
      this.crowds.set(cell, crowd)
    }
    if (crowd.has(acting)) return true
    crowd.add(acting)
    return false
  }

  violate(violation: Violation): void {
    this.violations++
    this.firstViolation ??= violation
  }
}
