/**
 * Sets of cells, one bit a cell. What an operation, a node's future or a mover may touch is one record of six rows:
 *
 * | row | cells |
 * | --- | --- |
 * | {@link ALL} | loads, reads and writes of the process itself |
 * | {@link DIRECT} | its reads and writes: accesses that bypass the store buffer |
 * | {@link WRITES} | its writes |
 * | {@link LATER_ALL} | what its commits touch when they drain |
 * | {@link LATER_WRITES} | what they write |
 * | {@link LATER_SIDE} | what they write beside the cell that loads forward from |
 */
import type { Footprint } from '../core/operation.ts'

export const ALL = 0
export const DIRECT = 1
export const WRITES = 2
export const LATER_ALL = 3
export const LATER_WRITES = 4
export const LATER_SIDE = 5
export const ROWS = 6

/** Records of {@link ROWS} rows, by index. */
export class BitRows {
  readonly words: number
  readonly stride: number
  /** All records; replaced when they grow. */
  data: Uint32Array

  constructor(cells: number, capacity = 64) {
    this.words = Math.max(1, Math.ceil(cells / 32))
    this.stride = this.words * ROWS
    this.data = new Uint32Array(capacity * this.stride)
  }

  /** Where a record begins in {@link data}; makes room for it. */
  base(index: number): number {
    const base = index * this.stride
    if (base + this.stride > this.data.length) {
      const grown = new Uint32Array(Math.max(this.data.length * 2, base + this.stride))
      grown.set(this.data)
      this.data = grown
    }
    return base
  }

  clear(index: number): void {
    const base = this.base(index)
    this.data.fill(0, base, base + this.stride)
  }

  /** Adds a whole record of `from`; true when that changed anything. */
  merge(index: number, from: BitRows, fromIndex: number): boolean {
    const fromBase = from.base(fromIndex)
    const base = this.base(index)
    const source = from.data
    const target = this.data
    let changed = 0
    for (let i = 0; i < this.stride; i++) {
      const more = source[fromBase + i]! & ~target[base + i]!
      if (more !== 0) {
        target[base + i] = target[base + i]! | more
        changed |= more
      }
    }
    return changed !== 0
  }

  /** Adds what a process does itself. */
  addOwn(index: number, footprint: Footprint): void {
    const base = this.base(index)
    for (const cell of footprint.loads ?? []) this.mark(base, ALL, cell)
    for (const cell of footprint.reads ?? []) {
      this.mark(base, ALL, cell)
      this.mark(base, DIRECT, cell)
    }
    for (const cell of footprint.writes ?? []) {
      this.mark(base, ALL, cell)
      this.mark(base, DIRECT, cell)
      this.mark(base, WRITES, cell)
    }
  }

  /** Adds what a buffered store does when it drains; `forwarded` is the cell that loads forward from. */
  addLater(index: number, footprint: Footprint, forwarded: number | undefined): void {
    const base = this.base(index)
    for (const cell of footprint.loads ?? []) this.mark(base, LATER_ALL, cell)
    for (const cell of footprint.reads ?? []) this.mark(base, LATER_ALL, cell)
    for (const cell of footprint.writes ?? []) {
      this.mark(base, LATER_ALL, cell)
      this.mark(base, LATER_WRITES, cell)
      if (cell !== forwarded) this.mark(base, LATER_SIDE, cell)
    }
  }

  private mark(base: number, row: number, cell: number): void {
    const at = base + row * this.words + (cell >>> 5)
    this.data[at] = this.data[at]! | (1 << (cell & 31))
  }
}
