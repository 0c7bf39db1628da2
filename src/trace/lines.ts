const NEWLINE = 10
const RETURN = 13

/** Buffer's own indexOf takes strings too and pays for that at every line. */
const indexOf = Uint8Array.prototype.indexOf

/** A longer line is no trace line: its rest is passed over, so that memory stays bounded. */
export const MAX_LINE = 64 * 1024

const WINDOW = 512 * 1024
/** Bytes behind the window that may be read, though they mean nothing: fields are compared four bytes at a time. */
const SLACK = 16

/**
 * The one piece of memory that all lines stand in while they are parsed: bytes, and the same as words of any
 * alignment.
 */
export class Window {
  readonly bytes: Buffer
  readonly words: DataView

  constructor(size: number = WINDOW) {
    const memory = new ArrayBuffer(size + SLACK)
    this.bytes = Buffer.from(memory)
    this.words = new DataView(memory)
  }
}

/** Takes one line, `[start, end)` of the window without its end of line; valid only during the call. */
export type LineHandler = (start: number, end: number, line: number) => void

/** Cuts chunks of bytes into lines, in a window of fixed size. */
export class LineSplitter {
  readonly window = new Window()
  #line = 0
  readonly #handle: LineHandler
  readonly #tooLong: (line: number) => void
  /** The window's bytes `[0, #pending)` are the beginning of a line. */
  #pending = 0
  #skipping = false

  constructor(handle: LineHandler, tooLong: (line: number) => void) {
    this.#handle = handle
    this.#tooLong = tooLong
  }

  /** Lines seen so far, the last one included when it has begun. */
  get lines(): number {
    return this.#line + (this.#pending > 0 || this.#skipping ? 1 : 0)
  }

  /** Takes the next chunk, of any size. */
  push(chunk: Uint8Array): void {
    const { bytes } = this.window
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + WINDOW - this.#pending)
      bytes.set(part, this.#pending)
      from += part.length
      this.#split(this.#pending + part.length)
    }
  }

  /** The input has ended: hands on a last line without end of line. */
  finish(): void {
    if (this.#skipping) this.#skipped()
    else if (this.#pending > 0) this.#emit(0, this.#pending)
    this.#pending = 0
  }

  /** Hands on the lines of `[0, length)` and keeps what follows the last one; no end of line is before #pending. */
  #split(length: number): void {
    const { bytes } = this.window
    bytes[length] = NEWLINE // so that no search leaves what was read
    let start = 0
    for (let from = this.#pending; ; from = start) {
      const end = indexOf.call(bytes, NEWLINE, from)
      if (end === length) break
      if (this.#skipping) this.#skipped()
      else this.#emit(start, end)
      start = end + 1
    }
    this.#pending = length - start
    if (this.#pending > MAX_LINE) this.#skipping = true
    if (this.#skipping) this.#pending = 0
    else if (start > 0) bytes.copyWithin(0, start, length)
  }

  #skipped(): void {
    this.#skipping = false
    this.#line++
    this.#tooLong(this.#line)
  }

  #emit(start: number, end: number): void {
    this.#line++
    if (end - start > MAX_LINE) this.#tooLong(this.#line)
    else this.#handle(start, end > start && this.window.bytes[end - 1] === RETURN ? end - 1 : end, this.#line)
  }
}
