/** The most distinct texts kept before the table starts anew: bounds memory on hostile input. */
const CAPACITY = 8192
/** Longer texts are no names and do not repeat. */
const LONGEST = 256
const SLOTS = 4 * CAPACITY

/**
 * Turns bytes into strings, the same string object for the same bytes. A recording repeats a few names (tasks,
 * symbols, mms) a million times; decoding each once keeps the hot path free of string allocation.
 */
export class StringTable {
  #texts: (string | undefined)[] = new Array(SLOTS)
  #bytes: (Uint8Array | undefined)[] = new Array(SLOTS)
  #size = 0

  /** The text of `bytes[start, end)`, read as UTF-8; bytes that are not UTF-8 become U+FFFD. */
  text(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length <= 0) return ''
    if (length > LONGEST) return bytes.toString('utf8', start, end)
    let hash = length
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
    hash ^= hash >>> 15
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const known = this.#bytes[slot]
      if (known === undefined) return this.#add(slot, bytes, start, end)
      if (known.length === length && sameBytes(known, bytes, start)) return this.#texts[slot]!
    }
  }

  #add(slot: number, bytes: Buffer, start: number, end: number): string {
    const text = bytes.toString('utf8', start, end)
    if (this.#size === CAPACITY) {
      this.#texts.fill(undefined)
      this.#bytes.fill(undefined)
      this.#size = 0
    }
    this.#size++
    this.#texts[slot] = text
    this.#bytes[slot] = Uint8Array.prototype.slice.call(bytes, start, end)
    return text
  }
}

/** Whether `known` stands at `start` of `bytes`. */
export function sameBytes(known: Uint8Array, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false
  return true
}
