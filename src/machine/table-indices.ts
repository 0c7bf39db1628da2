/** Indices of addresses into tables, kept: they are 64-bit arithmetic. */
import { type Level, tableIndex, type VirtualAddress } from './entries.ts'

const LEVELS: readonly Level[] = [1, 2, 3, 4, 5]
/** Addresses whose indices are kept. */
const MOST = 4096

export class TableIndices {
  private readonly indices = new Map<VirtualAddress, readonly number[]>()
  /** The address that was last asked for: a walk asks for all its levels, one after the other. */
  private last: VirtualAddress | undefined
  private lastIndices: readonly number[] = []

  of(va: VirtualAddress, level: Level): number {
    if (va !== this.last) {
      this.lastIndices = this.all(va)
      this.last = va
    }
    return this.lastIndices[level - 1]!
  }

  private all(va: VirtualAddress): readonly number[] {
    let indices = this.indices.get(va)
    if (indices === undefined) {
      if (this.indices.size >= MOST) this.indices.clear()
      indices = LEVELS.map((at) => tableIndex(va, at))
      this.indices.set(va, indices)
    }
    return indices
  }
}
