/** The most distinct texts kept before the table starts anew: bounds memory on hostile input. */
const CAPACITY = 8192
/** Longer texts are no names and do not repeat. */
const LONGEST = 256
const SLOTS = 4 * CAPACITY
/** Words of four bytes for all texts together. */
const POOL = 32 * CAPACITY

/**
 * Turns bytes into strings, the same string object for the same bytes. A recording repeats a few names (tasks,
 * symbols, mms) a million times; decoding each once keeps the hot path free of string allocation. Bytes are hashed
 * and compared four at a time.
 */
export class StringTable {
  readonly #texts: (string | undefined)[] = new Array(SLOTS)
  /** Two numbers a slot: the length of its text in bytes, 0 when it is empty, and where it begins in the pool. */
  readonly #slots = new Int32Array(2 * SLOTS)
  readonly #pool = new Int32Array(POOL)
  #used = 0
  #size = 0

  /**
   * The text of `bytes[start, end)`, read as UTF-8; bytes that are not UTF-8 become U+FFFD.
   *
   * @param words the same memory as `bytes`, with at least three bytes behind `end`
   */
  text(bytes: Buffer, words: DataView, start: number, end: number): string {
    const length = end - start
    if (length <= 0) return ''
    if (length > LONGEST) return bytes.toString('utf8', start, end)
    let hash = length
    for (let at = start; at < end; at += 4) hash = Math.imul(hash ^ wordAt(words, at, end), 0x9e3779b1)
    hash ^= hash >>> 15
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const known = this.#slots[2 * slot]!
      if (known === 0) return this.#add(slot, bytes, words, start, end)
      if (known === length && this.#equals(this.#slots[2 * slot + 1]!, words, start, end))
        return this.#texts[slot]!
    }
  }

  #equals(offset: number, words: DataView, start: number, end: number): boolean {
    for (let at = start, i = offset; at < end; at += 4, i++) {
      if (this.#pool[i] !== wordAt(words, at, end)) return false
    }
    return true
  }

  #add(slot: number, bytes: Buffer, words: DataView, start: number, end: number): string {
    const text = bytes.toString('utf8', start, end)
    if (this.#size === CAPACITY || this.#used + LONGEST / 4 > POOL) {
      this.#texts.fill(undefined)
      this.#slots.fill(0)
      this.#size = 0
      this.#used = 0
    }
    this.#size++
    this.#texts[slot] = text
    this.#slots[2 * slot] = end - start
    this.#slots[2 * slot + 1] = this.#used
    for (let at = start; at < end; at += 4) this.#pool[this.#used++] = wordAt(words, at, end)
    return text
  }
}

/** Columns of a task's name, TASK_COMM_LEN. */
export const COMM_COLUMNS = 16
const COMM_SLOTS = 256

/** The names of tasks in ftrace's 16 columns, by pid: a line of the same task as before costs four comparisons. */
export class CommCache {
  readonly #words = new Int32Array(4 * COMM_SLOTS)
  readonly #texts: (string | undefined)[] = new Array(COMM_SLOTS).fill(undefined)

  /** The name in the columns from `start` on; undefined when it is not that of the pid's last line. */
  get(pid: number, words: DataView, start: number): string | undefined {
    const slot = pid & (COMM_SLOTS - 1)
    for (let i = 0; i < 4; i++) {
      if (this.#words[4 * slot + i] !== words.getInt32(start + 4 * i, true)) return undefined
    }
    return this.#texts[slot]
  }

  set(pid: number, words: DataView, start: number, text: string): void {
    const slot = pid & (COMM_SLOTS - 1)
    for (let i = 0; i < 4; i++) this.#words[4 * slot + i] = words.getInt32(start + 4 * i, true)
    this.#texts[slot] = text
  }
}

/** The bytes `[at, at + 4)` as a number, those from `end` on as zeros. */
function wordAt(words: DataView, at: number, end: number): number {
  const word = words.getInt32(at, true)
  const rest = end - at
  return rest >= 4 ? word : word & ((1 << (rest * 8)) - 1)
}
