/** Memory that threads share and that grows: one of them writes it; the others read it after a meeting. */

/** What a thread needs to have it too. */
export type SharedBuffer = SharedArrayBuffer

/** `SharedArrayBuffer` as ES2024 has it. */
interface Growable extends SharedArrayBuffer {
  grow(bytes: number): void
}
type GrowableConstructor = new (bytes: number, options: { readonly maxByteLength: number }) => Growable

const FIRST_BYTES = 1 << 14

/** `most`: bytes of address space that are set aside; memory is taken as it is written. */
export function newSharedBuffer(most: number): SharedBuffer {
  return new (SharedArrayBuffer as unknown as GrowableConstructor)(FIRST_BYTES, { maxByteLength: most })
}

/** The words of a buffer, which is never smaller than before. */
export class SharedMemory {
  /** A view of what there was when it was last looked at: views that follow the buffer's length are slow. */
  data: Uint32Array
  private readonly buffer: Growable

  constructor(buffer: SharedBuffer) {
    this.buffer = buffer as Growable
    this.data = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
  }

  /** Sees what another thread has added. */
  refresh(): void {
    const length = Math.floor(this.buffer.byteLength / 4)
    if (length !== this.data.length) this.data = new Uint32Array(this.buffer, 0, length)
  }

  /** Makes room for so many words. */
  reserve(words: number): void {
    if (words <= this.data.length) return
    const { maxByteLength } = this.buffer as unknown as { readonly maxByteLength: number }
    this.buffer.grow(Math.max(4 * words, Math.min(maxByteLength, 2 * this.buffer.byteLength)))
    this.refresh()
  }
}

/** A list of words. Word 0 is their number, they follow. */
export class SharedWords extends SharedMemory {
  get size(): number {
    return this.data[0]!
  }

  clear(): void {
    this.data[0] = 0
  }

  /** Drops what was written after there were `size` words. */
  shrink(size: number): void {
    this.data[0] = size
  }

  push(word: number): void {
    const at = this.extend(1)
    this.data[at] = word
  }

  /** Makes room for more words, which are the caller's to write; the first one's index in {@link data}. */
  extend(words: number): number {
    const at = this.data[0]! + 1
    this.reserve(at + words)
    this.data[0] = at + words - 1
    return at
  }
}
