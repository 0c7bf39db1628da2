/** How a state is packed: every cell, local state and buffer is a field of bits within one 32-bit word. */

/** A value did not fit its field: the search starts again with a wider one. Never wrapped, never seen by users. */
export class CellOverflow extends Error {
  readonly field: number
  readonly value: number

  constructor(field: number, value: number) {
    super(`field ${field} cannot hold ${value}`)
    this.field = field
    this.value = value
  }
}

/** Bits that a value needs. */
export function bitsFor(value: number): number {
  return 32 - Math.clz32(value)
}

/** Fields in words. Field indices are the caller's: the cells first, then what the engine adds. */
export class Layout {
  readonly words: number
  readonly wordOf: Uint16Array
  readonly shiftOf: Uint8Array
  /** Largest value of each field. */
  readonly maskOf: Uint32Array

  constructor(widths: readonly number[]) {
    this.wordOf = new Uint16Array(widths.length)
    this.shiftOf = new Uint8Array(widths.length)
    this.maskOf = Uint32Array.from(widths, (width) => (width >= 32 ? 0xffffffff : 2 ** width - 1))
    const used: number[] = []
    const widestFirst = widths.map((_, field) => field).sort((a, b) => widths[b]! - widths[a]! || a - b)
    for (const field of widestFirst) {
      const width = widths[field]!
      let word = used.findIndex((bits) => bits + width <= 32)
      if (word < 0) {
        word = used.length
        used.push(0)
      }
      this.wordOf[field] = word
      this.shiftOf[field] = width === 0 ? 0 : used[word]!
      used[word] = used[word]! + width
    }
    this.words = Math.max(1, used.length)
  }

  get(state: Uint32Array, field: number): number {
    return ((state[this.wordOf[field]!]! >>> this.shiftOf[field]!) & this.maskOf[field]!) >>> 0
  }

  /** @throws CellOverflow when the value does not fit. */
  put(state: Uint32Array, field: number, value: number): void {
    const mask = this.maskOf[field]!
    if (value > mask) throw new CellOverflow(field, value)
    const word = this.wordOf[field]!
    const shift = this.shiftOf[field]!
    state[word] = (state[word]! & ~(mask << shift)) | (value << shift)
  }
}
