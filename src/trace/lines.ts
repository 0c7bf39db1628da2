const NEWLINE = 10
const RETURN = 13

/** Buffer's own indexOf takes strings too and pays for that at every line. */
const indexOf = Uint8Array.prototype.indexOf

/** A longer line is no trace line: its rest is passed over, so that memory stays bounded. */
export const MAX_LINE = 64 * 1024

/** Takes one line, `bytes[start, end)` without its end of line; the bytes are valid only during the call. */
export type LineHandler = (bytes: Buffer, start: number, end: number, line: number) => void

/** Cuts chunks of bytes into lines; a line across chunks is put together, all others are handed on in place. */
export class LineSplitter {
  #line = 0
  readonly #handle: LineHandler
  readonly #tooLong: (line: number) => void
  #pending: Buffer = Buffer.alloc(4096)
  #pendingLength = 0
  #skipping = false

  constructor(handle: LineHandler, tooLong: (line: number) => void) {
    this.#handle = handle
    this.#tooLong = tooLong
  }

  /** Lines seen so far, the last one included when it has begun. */
  get lines(): number {
    return this.#line + (this.#pendingLength > 0 || this.#skipping ? 1 : 0)
  }

  /** Takes the next chunk. */
  push(chunk: Buffer): void {
    let at = 0
    if (this.#pendingLength > 0 || this.#skipping) {
      const end = indexOf.call(chunk, NEWLINE)
      if (end < 0) {
        this.#keep(chunk, 0, chunk.length)
        return
      }
      this.#keep(chunk, 0, end)
      this.#flush()
      at = end + 1
    }
    for (;;) {
      const end = indexOf.call(chunk, NEWLINE, at)
      if (end < 0) break
      this.#emit(chunk, at, end)
      at = end + 1
    }
    if (at < chunk.length) this.#keep(chunk, at, chunk.length)
  }

  /** The input has ended: hands on a last line without end of line. */
  finish(): void {
    if (this.#pendingLength > 0 || this.#skipping) this.#flush()
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    this.#line++
    if (end - start > MAX_LINE) this.#tooLong(this.#line)
    else this.#handle(bytes, start, end > start && bytes[end - 1] === RETURN ? end - 1 : end, this.#line)
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    if (this.#skipping || start === end) return
    const length = this.#pendingLength + end - start
    if (length > MAX_LINE) {
      this.#skipping = true
      this.#pendingLength = 0
      return
    }
    if (length > this.#pending.length) {
      const larger = Buffer.alloc(Math.min(MAX_LINE, length * 2))
      this.#pending.copy(larger, 0, 0, this.#pendingLength)
      this.#pending = larger
    }
    chunk.copy(this.#pending, this.#pendingLength, start, end)
    this.#pendingLength = length
  }

  #flush(): void {
    if (this.#skipping) {
      this.#skipping = false
      this.#line++
      this.#tooLong(this.#line)
      return
    }
    const end = this.#pendingLength
    this.#pendingLength = 0
    this.#emit(this.#pending, 0, end)
  }
}
