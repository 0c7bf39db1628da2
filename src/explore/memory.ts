/** The memory of one packed state, as operations see it; what they read and write is noted, for {@link Decisions}. */
import type { Cell, CellTable } from '../core/cells.ts'
import type { Memory } from '../core/operation.ts'
import type { Violation } from '../core/violation.ts'
import { ALL, type BitRows, DIRECT, LATER_ALL, LATER_WRITES, WRITES } from './bit-rows.ts'
import { type Buffers, EMPTY } from './buffers.ts'
import type { Layout } from './layout.ts'
import { type Actor, allows, checkValue, refuse } from './rights.ts'

const NO_RIGHTS = new Uint32Array(4096)

/** How a cell was read: from memory, through the store buffer, or without making a dependence. A read is `cell * 4 + kind`. */
export const GET = 0
export const LOAD = 1
export const PEEK = 2

export class PackedMemory implements Memory {
  /** The state that is read and written. */
  words: Uint32Array
  /** Whose stores are forwarded. */
  buffer = EMPTY
  /** What the last effect reported first. */
  violation: Violation | undefined
  /** Who is running, for messages. */
  actor: Actor | undefined
  /** What has been read since {@link begin}, each once, and what was found. Cells that were written before are not read any more. */
  readonly reads: number[] = []
  readonly found: number[] = []
  /** Cells that have been written since {@link begin}, each once. */
  readonly written: number[] = []
  /** A cell was loaded after it had been written: what was seen depends on more than the reads. */
  unclear = false
  private run = 0
  /** By read: the last {@link run} in which it was noted; by cell: the last in which it was written. */
  private readonly readIn: Int32Array
  private readonly writtenIn: Int32Array
  private rights: Uint32Array = NO_RIGHTS
  private setRights: Uint32Array = NO_RIGHTS
  private directAt = 0
  private loadAt = 0
  private setAt = 0
  private readonly layout: Layout
  private readonly buffers: Buffers
  private readonly cells: CellTable

  constructor(layout: Layout, buffers: Buffers, cells: CellTable) {
    this.layout = layout
    this.buffers = buffers
    this.cells = cells
    this.words = new Uint32Array(layout.words)
    this.readIn = new Int32Array(4 * cells.size)
    this.writtenIn = new Int32Array(cells.size)
  }

  /** Allows what a process may do itself by record `index`. */
  allowEffect(rows: BitRows, index: number): void {
    this.allowGuard(rows, index)
    this.setRights = rows.data
    this.setAt = index * rows.stride + WRITES * rows.words
  }

  /** As {@link allowEffect}, but nothing may be written. */
  allowGuard(rows: BitRows, index: number): void {
    this.rights = rows.data
    this.directAt = index * rows.stride + DIRECT * rows.words
    this.loadAt = index * rows.stride + ALL * rows.words
    this.setRights = NO_RIGHTS
    this.setAt = 0
  }

  /** Allows what a commit does when it drains. */
  allowCommit(rows: BitRows, index: number): void {
    this.rights = rows.data
    this.directAt = index * rows.stride + LATER_ALL * rows.words
    this.loadAt = this.directAt
    this.setRights = rows.data
    this.setAt = index * rows.stride + LATER_WRITES * rows.words
  }

  /** Begins to note what is read and written. */
  begin(words: Uint32Array, buffer: number, actor: Actor): void {
    this.words = words
    this.buffer = buffer
    this.actor = actor
    this.violation = undefined
    this.reads.length = 0
    this.found.length = 0
    this.written.length = 0
    this.unclear = false
    this.run++
  }

  get(cell: Cell): number {
    if (!allows(this.rights, this.directAt, cell)) refuse(this.actor, 'reads', this.cells, cell)
    return this.note(cell, GET, this.layout.get(this.words, cell))
  }

  peek(cell: Cell): number {
    return this.note(cell, PEEK, this.layout.get(this.words, cell))
  }

  load(cell: Cell): number {
    if (!allows(this.rights, this.loadAt, cell)) refuse(this.actor, 'loads', this.cells, cell)
    if (this.writtenIn[cell] === this.run) this.unclear = true
    return this.note(cell, LOAD, this.buffers.load(this.buffer, cell, this.layout, this.words))
  }

  set(cell: Cell, value: number): void {
    if (!allows(this.setRights, this.setAt, cell)) refuse(this.actor, 'writes', this.cells, cell)
    checkValue(this.actor, this.cells, cell, value)
    if (this.writtenIn[cell] !== this.run) {
      this.writtenIn[cell] = this.run
      this.written.push(cell)
    }
    this.layout.put(this.words, cell, value)
  }

  violate(violation: Violation): void {
    this.violation ??= violation
  }

  private note(cell: Cell, kind: number, value: number): number {
    const read = cell * 4 + kind
    if (this.readIn[read] !== this.run && this.writtenIn[cell] !== this.run) {
      this.readIn[read] = this.run
      this.reads.push(read)
      this.found.push(value)
    }
    return value
  }
}
