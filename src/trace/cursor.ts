import { MAX_CPUS, TLB_FLUSH_ALL } from './events.ts'
import { StringTable } from './intern.ts'

const SPACE = 32
const COMMA = 44
const MINUS = 45
const COLON = 58
const EQUALS = 61
const OPEN = 40

/** The value of a hexadecimal digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/**
 * Reads the fields of one event. Fields are found by name, in any order and with any of the separators that
 * kernels and tools use (`pages:3`, `pages=3`, `addr: 7f00`, `ncpus 4`), so one parser serves every printer.
 * The search starts where the last field ended, so fields in their usual order cost one pass over the line.
 *
 * A field that is missing or malformed sets {@link failed}; the caller looks once, after the whole event.
 */
export class Cursor {
  failed = false
  readonly strings = new StringTable()
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  #at = 0

  /** Points the cursor at the fields `bytes[start, end)` of a new event. */
  reset(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#at = start
    this.failed = false
  }

  /** Decimal, with sign; hexadecimal when it starts with 0x. */
  int(key: string): number {
    return this.#seek(key) ? this.#number() : this.#fail()
  }

  /** The number of a CPU. */
  cpu(key: string): number {
    const cpu = this.int(key)
    return cpu >= 0 && cpu < MAX_CPUS ? cpu : this.#fail()
  }

  /** The next decimal number, after whatever stands between. */
  nextInt(): number {
    const bytes = this.#bytes
    while (this.#at < this.#end && !(bytes[this.#at]! >= 48 && bytes[this.#at]! <= 57)) this.#at++
    return this.#number()
  }

  /** A small hexadecimal number, with or without 0x. */
  hex(key: string): number {
    return this.#seek(key) ? this.#address() : this.#fail()
  }

  /**
   * An address in hexadecimal, with or without 0x. Above 2^53 the low 11 bits are cleared, so that its page is
   * exact; all ones is {@link TLB_FLUSH_ALL}.
   */
  address(key: string): number {
    return this.#seek(key) ? this.#address() : this.#fail()
  }

  /** A hexadecimal value of 64 bits. */
  bits(key: string): bigint {
    if (!this.#seek(key)) return BigInt(this.#fail())
    return this.#bits()
  }

  /** The `count` hexadecimal values after `key`, separated by anything that is no hexadecimal digit. */
  bitsList(key: string, count: number): bigint[] {
    const values: bigint[] = []
    if (!this.#seek(key)) this.failed = true
    for (let i = 0; i < count; i++) {
      while (this.#at < this.#end && hexDigit(this.#bytes[this.#at]!) < 0) this.#at++
      values.push(this.#bits())
    }
    return values
  }

  /** A cpumask as the kernel prints it: hexadecimal words of 32 bits, the low word last, commas between. */
  cpumask(key: string): bigint {
    if (!this.#seek(key)) return BigInt(this.#fail())
    const text = this.#word(false).replaceAll(',', '')
    if (!/^[0-9a-f]{1,4096}$/i.test(text)) return BigInt(this.#fail())
    return BigInt(`0x${text}`)
  }

  /** The value of a system call that returned: negative for an error. */
  result(): number {
    const bytes = this.#bytes
    let at = this.#start
    while (at < this.#end && (bytes[at] === SPACE || bytes[at] === MINUS || bytes[at] === 62)) at++
    this.#at = at
    const value = this.#bits()
    return value >= 2n ** 63n ? Number(value - 2n ** 64n) : Number(value)
  }

  /** A word up to the next space or comma. */
  word(key: string): string {
    if (!this.#seek(key)) {
      this.#fail()
      return ''
    }
    return this.#word(true)
  }

  /** Whether the word after `key` is `value`. */
  is(key: string, value: string): boolean {
    return this.word(key) === value
  }

  /** Whether the fields contain `text`, searched from the current position. */
  has(text: string): boolean {
    return this.#find(text, this.#at) >= 0
  }

  /** Whether the fields begin with `text`. */
  startsWith(text: string): boolean {
    return this.#end - this.#start >= text.length && this.#matches(text, this.#start)
  }

  /** All fields as text, for formats that are rare. */
  rest(): string {
    return this.#bytes.toString('utf8', this.#start, Math.min(this.#end, this.#start + 4096))
  }

  /** Text between `key` and the next `until`: for names of tasks, which may hold spaces. */
  textUntil(key: string, until: string): string {
    if (key !== '' && !this.#seek(key)) {
      this.#fail()
      return ''
    }
    const end = this.#find(until, this.#at)
    if (end < 0) {
      this.#fail()
      return ''
    }
    const text = this.strings.text(this.#bytes, this.#at, end)
    this.#at = end
    return text
  }

  /** The number in the last pair of parentheses: `reason:flush on task switch (0)`. */
  lastParenthesis(): number {
    let open = this.#end - 1
    while (open >= this.#start && this.#bytes[open] !== OPEN) open--
    if (open < this.#start) return this.#fail()
    this.#at = open + 1
    return this.#number()
  }

  #word(endsAtComma: boolean): string {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    while (at < this.#end && bytes[at] !== SPACE) {
      if (endsAtComma && bytes[at] === COMMA) break
      at++
    }
    if (at === start) this.failed = true
    this.#at = at
    return this.strings.text(bytes, start, at)
  }

  #fail(): number {
    this.failed = true
    return 0
  }

  /** Moves behind `key` and its separator; searches on from here, then from the first field. */
  #seek(key: string): boolean {
    return this.#seekIn(key, this.#at, this.#end) || this.#seekIn(key, this.#start, this.#at)
  }

  #seekIn(key: string, from: number, to: number): boolean {
    const bytes = this.#bytes
    const first = key.charCodeAt(0)
    const last = to - key.length
    for (let at = from; at <= last; at++) {
      if (bytes[at] !== first || !this.#matches(key, at)) continue
      const before = at === this.#start ? SPACE : bytes[at - 1]!
      if (before !== SPACE && before !== COMMA && before !== OPEN) continue
      let after = at + key.length
      const separator = bytes[after]!
      if (separator !== EQUALS && separator !== COLON && separator !== SPACE) continue
      after++
      while (after < this.#end && bytes[after] === SPACE) after++
      this.#at = after
      return true
    }
    return false
  }

  #matches(text: string, at: number): boolean {
    for (let i = 0; i < text.length; i++) if (this.#bytes[at + i] !== text.charCodeAt(i)) return false
    return true
  }

  #find(text: string, from: number): number {
    const bytes = this.#bytes
    const first = text.charCodeAt(0)
    const last = this.#end - text.length
    for (let at = from; at <= last; at++) if (bytes[at] === first && this.#matches(text, at)) return at
    return -1
  }

  #number(): number {
    const bytes = this.#bytes
    let at = this.#at
    const negative = bytes[at] === MINUS
    if (negative) at++
    if (bytes[at] === 48 && (bytes[at + 1]! | 32) === 120) {
      this.#at = at
      return this.#address()
    }
    const start = at
    let value = 0
    for (; at < this.#end; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (at === start || at - start > 20) this.failed = true
    this.#at = at
    return negative ? -value : value
  }

  /** Moves over `0x` and returns the end of the digits; fails unless there are 1 to 16. */
  #hexEnd(): number {
    const bytes = this.#bytes
    if (bytes[this.#at] === 48 && this.#at + 1 < this.#end && (bytes[this.#at + 1]! | 32) === 120)
      this.#at += 2
    let end = this.#at
    while (end < this.#end && hexDigit(bytes[end]!) >= 0) end++
    if (end === this.#at || end - this.#at > 16) this.failed = true
    return end
  }

  #address(): number {
    const end = this.#hexEnd()
    if (this.failed) return 0
    const bytes = this.#bytes
    const split = Math.max(this.#at, end - 8)
    let high = 0
    for (let at = this.#at; at < split; at++) high = high * 16 + hexDigit(bytes[at]!)
    let low = 0
    for (let at = split; at < end; at++) low = low * 16 + hexDigit(bytes[at]!)
    this.#at = end
    if (high < 0x200000) return high * 0x1_0000_0000 + low
    if (high === 0xffffffff && low === 0xffffffff) return TLB_FLUSH_ALL
    return high * 0x1_0000_0000 + (low - (low % 2048))
  }

  #bits(): bigint {
    const end = this.#hexEnd()
    if (this.failed) return 0n
    const bytes = this.#bytes
    const split = Math.max(this.#at, end - 12)
    let high = 0
    for (let at = this.#at; at < split; at++) high = high * 16 + hexDigit(bytes[at]!)
    let low = 0
    for (let at = split; at < end; at++) low = low * 16 + hexDigit(bytes[at]!)
    this.#at = end
    return high === 0 ? BigInt(low) : (BigInt(high) << 48n) | BigInt(low)
  }
}
