/**
 * The set of states that have been found: exact (whole states are compared), open-addressed, in chunks of a fixed size so
 * that growing never copies states. States keep the order in which they were found, so the store is the search's queue too.
 */

const CHUNK_SHIFT = 13
const CHUNK = 1 << CHUNK_SHIFT
const FIRST_TABLE = 1 << 10
/** Words that each state has beside it: its parent, and the action that led here. */
const EXTRA = 2

export class StateStore {
  readonly words: number
  /** Number of states. */
  size = 0
  private readonly stride: number
  private readonly chunks: Uint32Array[] = []
  /** Pairs of (index + 1, hash). */
  private table = new Uint32Array(FIRST_TABLE * 2)
  private tableMask = FIRST_TABLE - 1

  constructor(words: number) {
    this.words = words
    this.stride = words + EXTRA
  }

  /** The index of a state; a new one is equal to the former {@link size}. `hash` is {@link hashOf} the state. */
  add(state: Uint32Array, parent: number, action: number, hash = hashOf(state, this.words)): number {
    const words = this.words
    const table = this.table
    const mask = this.tableMask
    let slot = hash & mask
    for (;;) {
      const found = table[slot * 2]!
      if (found === 0) break
      if (table[slot * 2 + 1] === hash) {
        const chunk = this.chunks[(found - 1) >>> CHUNK_SHIFT]!
        const base = ((found - 1) & (CHUNK - 1)) * this.stride
        let i = 0
        while (i < words && chunk[base + i] === state[i]) i++
        if (i === words) return found - 1
      }
      slot = (slot + 1) & mask
    }
    const index = this.size++
    table[slot * 2] = index + 1
    table[slot * 2 + 1] = hash
    let chunk = this.chunks[index >>> CHUNK_SHIFT]
    if (chunk === undefined) {
      // A small search should not pay for a whole chunk: the first one grows by doubling.
      chunk = new Uint32Array((index === 0 ? 256 : CHUNK) * this.stride)
      this.chunks.push(chunk)
    }
    const base = (index & (CHUNK - 1)) * this.stride
    if (base === chunk.length) {
      const grown = new Uint32Array(chunk.length * 2)
      grown.set(chunk)
      this.chunks[index >>> CHUNK_SHIFT] = grown
      chunk = grown
    }
    for (let i = 0; i < words; i++) chunk[base + i] = state[i]!
    chunk[base + words] = parent
    chunk[base + words + 1] = action
    if (this.size * 4 > (mask + 1) * 3) this.rehash()
    return index
  }

  /** Copies a state out. */
  read(index: number, into: Uint32Array): void {
    const chunk = this.chunks[index >>> CHUNK_SHIFT]!
    const base = (index & (CHUNK - 1)) * this.stride
    for (let i = 0; i < this.words; i++) into[i] = chunk[base + i]!
  }

  /** The state from which a state was first found. */
  parent(index: number): number {
    return this.chunks[index >>> CHUNK_SHIFT]![(index & (CHUNK - 1)) * this.stride + this.words]!
  }

  /** The action by which it was first found. */
  action(index: number): number {
    return this.chunks[index >>> CHUNK_SHIFT]![(index & (CHUNK - 1)) * this.stride + this.words + 1]!
  }

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) + this.table.byteLength
  }

  private rehash(): void {
    const old = this.table
    const mask = this.tableMask * 2 + 1
    const table = new Uint32Array((mask + 1) * 2)
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] === 0) continue
      const hash = old[i + 1]!
      let slot = hash & mask
      while (table[slot * 2] !== 0) slot = (slot + 1) & mask
      table[slot * 2] = old[i]!
      table[slot * 2 + 1] = hash
    }
    this.table = table
    this.tableMask = mask
  }
}

/** Murmur3 over the words: neighbouring states differ in few bits, and every bit of the hash is used. */
export function hashOf(state: Uint32Array, words: number): number {
  let hash = words
  for (let i = 0; i < words; i++) {
    let k = Math.imul(state[i]!, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    hash ^= Math.imul(k, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
