/**
 * Entries of a machine under a clock, by a number that says all of it: frame, life and attributes. Nothing is remembered but the
 * last entry of each frame, so that memory does not grow with time as frames go through their lives.
 */
import { type Entry, EntryTable, entryFrame, entryFromBits, NONE } from './entries.ts'

/** Bits of a number: six for attributes (P, R/W, U/S; D, PS, G), four for the life, the rest for the frame. */
const ATTRIBUTES = 6
const LIFE = 4
const FRAMES = 2 ** (31 - ATTRIBUTES - LIFE) - 1

/** Lives of a frame that are told apart: 1 to 16. A walk that lasts until a frame is back in the same life goes unnoticed. */
export const LIVES_UNDER_A_CLOCK = 2 ** LIFE

const PRESENT = 1
const ACCESSED = 0x20

export class TimedEntries extends EntryTable {
  private readonly firstPfn: number
  /** By frame: the entry that was last numbered or looked up, and its number. */
  private readonly last: { readonly id: number; readonly entry: Entry }[] = []

  constructor(firstPfn: number) {
    super()
    this.firstPfn = firstPfn
  }

  override id(entry: Entry): number {
    if (entry.raw === 0n) return 0
    const { pfn, incarnation } = entryFrame(entry)
    const frame = pfn - this.firstPfn
    const known = this.last[frame]
    if (known?.entry === entry) return known.id
    if (frame < 0 || frame >= FRAMES || incarnation < 1 || incarnation > LIVES_UNDER_A_CLOCK)
      throw new RangeError(`a machine under a clock has at most ${FRAMES} frames`)
    const bits = Number(BigInt.asUintN(12, entry.raw))
    const attributes = (bits & 7) | (((bits >> 6) & 7) << 3)
    // One more than the frame, so that no entry has the number of "none".
    const id = ((frame + 1) << (ATTRIBUTES + LIFE)) | ((incarnation - 1) << ATTRIBUTES) | attributes
    this.last[frame] = { id, entry }
    return id
  }

  override entry(id: number): Entry {
    if (id === 0) return NONE
    const frame = (id >> (ATTRIBUTES + LIFE)) - 1
    const known = this.last[frame]
    if (known?.id === id) return known.entry
    const attributes = id & (2 ** ATTRIBUTES - 1)
    const bits = (attributes & 7) | ((attributes >> 3) << 6) | ((attributes & PRESENT) !== 0 ? ACCESSED : 0)
    const incarnation = ((id >> ATTRIBUTES) & (LIVES_UNDER_A_CLOCK - 1)) + 1
    const entry = entryFromBits(BigInt(this.firstPfn + frame), BigInt(bits), incarnation)
    this.last[frame] = { id, entry }
    return entry
  }
}
