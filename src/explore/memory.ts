/**
 * The memory of one packed state, as operations see it. Every access is checked against the footprint that the operation
 * has declared: a footprint that is too small would make a reduced search skip interleavings.
 */
import type { Cell, CellTable } from '../core/cells.ts'
import { GuestProgramError } from '../core/errors.ts'
import type { Memory } from '../core/operation.ts'
import type { Violation } from '../core/violation.ts'
import { ALL, type BitRows, DIRECT, LATER_ALL, LATER_WRITES, WRITES } from './bit-rows.ts'
import { type Buffers, EMPTY } from './buffers.ts'
import type { Layout } from './layout.ts'

const NO_RIGHTS = new Uint32Array(4096)

export class PackedMemory implements Memory {
  /** The state that is read and written. */
  words: Uint32Array
  /** Whose stores are forwarded. */
  buffer = EMPTY
  /** What the last effect reported first. */
  violation: Violation | undefined
  /** Who is running, for messages. */
  actor: { readonly label: string } | undefined
  /** When on, cells that are read are noted in {@link seen} and {@link seenDirect}. */
  tracking = false
  readonly seen: Uint32Array
  /** Cells seen otherwise than by loads. */
  readonly seenDirect: Uint32Array
  private rights: Uint32Array = NO_RIGHTS
  private setRights: Uint32Array = NO_RIGHTS
  private directAt = 0
  private loadAt = 0
  private setAt = 0
  private readonly layout: Layout
  private readonly buffers: Buffers
  private readonly cells: CellTable

  constructor(layout: Layout, buffers: Buffers, cells: CellTable, bitWords: number) {
    this.layout = layout
    this.buffers = buffers
    this.cells = cells
    this.words = new Uint32Array(layout.words)
    this.seen = new Uint32Array(bitWords)
    this.seenDirect = new Uint32Array(bitWords)
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

  startTracking(): void {
    this.tracking = true
    for (let i = 0; i < this.seen.length; i++) {
      this.seen[i] = 0
      this.seenDirect[i] = 0
    }
  }

  get(cell: Cell): number {
    const word = cell >>> 5
    if (((this.rights[this.directAt + word]! >>> (cell & 31)) & 1) === 0) this.refuse(cell, 'reads')
    if (this.tracking) {
      this.seen[word] = this.seen[word]! | (1 << (cell & 31))
      this.seenDirect[word] = this.seenDirect[word]! | (1 << (cell & 31))
    }
    return this.layout.get(this.words, cell)
  }

  peek(cell: Cell): number {
    return this.layout.get(this.words, cell)
  }

  load(cell: Cell): number {
    const word = cell >>> 5
    if (((this.rights[this.loadAt + word]! >>> (cell & 31)) & 1) === 0) this.refuse(cell, 'loads')
    if (this.tracking) this.seen[word] = this.seen[word]! | (1 << (cell & 31))
    if (this.buffer !== EMPTY) {
      const commit = this.buffers.newest(this.buffer, cell)
      if (commit >= 0) return this.buffers.commits[commit]!.value
    }
    return this.layout.get(this.words, cell)
  }

  set(cell: Cell, value: number): void {
    if (((this.setRights[this.setAt + (cell >>> 5)]! >>> (cell & 31)) & 1) === 0) this.refuse(cell, 'writes')
    if (value >>> 0 !== value) this.invalid(cell, value)
    this.layout.put(this.words, cell, value)
  }

  violate(violation: Violation): void {
    this.violation ??= violation
  }

  private refuse(cell: Cell, verb: string): never {
    throw new GuestProgramError(
      'guest-invalid',
      `"${this.actor?.label ?? '?'}" ${verb} ${this.cells.name(cell)}, which its footprint does not allow`,
    )
  }

  private invalid(cell: Cell, value: number): never {
    throw new GuestProgramError(
      'guest-invalid',
      `"${this.actor?.label ?? '?'}" sets ${this.cells.name(cell)} to ${value}: cells hold integers from 0 to 2^32 - 1`,
    )
  }
}
