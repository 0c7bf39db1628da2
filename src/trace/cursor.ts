import { MAX_CPUS, TLB_FLUSH_ALL } from './events.ts'
import type { Field } from './fields.ts'
import type { StringTable } from './intern.ts'
import type { Window } from './lines.ts'

const SPACE = 32
const COMMA = 44
const MINUS = 45
const COLON = 58
const EQUALS = 61
const OPEN = 40

/** The value of each byte as a hexadecimal digit, or -1. */
const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit
}

/** Powers of 16, up to the eighth. */
const POWER = Array.from({ length: 9 }, (_, n) => 16 ** n)

/**
 * Reads the fields of one event. Fields are found by name, in any order and with any of the separators that
 * kernels and tools use (`pages:3`, `pages=3`, `addr: 7f00`, `ncpus 4`), so one parser serves every printer.
 * The search starts where the last field ended, so fields in their usual order cost one pass over the line.
 *
 * A field that is missing or malformed sets {@link failed}; the caller looks once, after the whole event.
 */
export class Cursor {
  failed = false
  readonly #strings: StringTable
  readonly #bytes: Buffer
  readonly #words: DataView
  #start = 0
  #end = 0
  #at = 0

  constructor({ bytes, words }: Window, strings: StringTable) {
    this.#bytes = bytes
    this.#words = words
    this.#strings = strings
  }

  /** The bytes `[start, end)` of the window as text. */
  text(start: number, end: number): string {
    return this.#strings.text(this.#bytes, this.#words, start, end)
  }

  /** Points the cursor at the fields of a new event, `[start, end)` of the window. */
  reset(start: number, end: number): void {
    this.#start = start
    this.#end = end
    this.#at = start
    this.failed = false
  }

  /** Decimal, with sign; hexadecimal when it starts with 0x. */
  int(key: Field): number {
    return this.#seek(key) ? this.#number() : this.#fail()
  }

  /** The number of a CPU. */
  cpu(key: Field): number {
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
  hex(key: Field): number {
    return this.#seek(key) ? this.#address() : this.#fail()
  }

  /** As {@link hex}, for a field that some kernels do not have. */
  hexIfAny(key: Field): number | undefined {
    return this.#seek(key) ? this.#address() : undefined
  }

  /**
   * An address in hexadecimal, with or without 0x. Above 2^53 the low 11 bits are cleared, so that its page is
   * exact; all ones is {@link TLB_FLUSH_ALL}.
   */
  address(key: Field): number {
    return this.#seek(key) ? this.#address() : this.#fail()
  }

  /** A hexadecimal value of 64 bits. */
  bits(key: Field): bigint {
    if (!this.#seek(key)) return BigInt(this.#fail())
    return this.#bits()
  }

  /** The `count` hexadecimal values after `key`, separated by anything that is no hexadecimal digit. */
  bitsList(key: Field, count: number): bigint[] {
    const values: bigint[] = []
    if (!this.#seek(key)) this.failed = true
    for (let i = 0; i < count; i++) {
      while (this.#at < this.#end && HEX[this.#bytes[this.#at]!]! < 0) this.#at++
      values.push(this.#bits())
    }
    return values
  }

  /** A cpumask as the kernel prints it: hexadecimal words of 32 bits, the low word last, commas between. */
  cpumask(key: Field): bigint {
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
  word(key: Field): string {
    if (!this.#seek(key)) {
      this.#fail()
      return ''
    }
    return this.#word(true)
  }

  /** Whether the word after `key` is `value`. */
  is(key: Field, value: string): boolean {
    return this.word(key) === value
  }

  /** Whether the fields contain `text`, searched from the current position. */
  has(text: string): boolean {
    return this.#find(text, this.#at) >= 0
  }

  /** Whether the fields begin with `text`. */
  startsWith(text: string): boolean {
    return this.#end - this.#start >= text.length && this.#stands(text, this.#start)
  }

  /** All fields as text, for formats that are rare. */
  rest(): string {
    return this.#bytes.toString('utf8', this.#start, Math.min(this.#end, this.#start + 4096))
  }

  /** Text between `key` and ` next=`: for names of tasks, which may hold spaces. */
  textUntil(key: Field, next: Field): string {
    if (!this.#seek(key)) {
      this.#fail()
      return ''
    }
    const bytes = this.#bytes
    const last = this.#end - next.length - 1
    for (let end = this.#at; end < last; end++) {
      if (bytes[end] !== SPACE || !this.#matches(next, end + 1)) continue
      if (bytes[end + 1 + next.length] !== EQUALS) continue
      const text = this.text(this.#at, end)
      this.#at = end + 1
      return text
    }
    this.#fail()
    return ''
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
    return this.text(start, at)
  }

  #fail(): number {
    this.failed = true
    return 0
  }

  /** Moves behind `key` and its separator: the next field most often, else any. */
  #seek(key: Field): boolean {
    const bytes = this.#bytes
    let at = this.#at
    while (at < this.#end && (bytes[at] === SPACE || bytes[at] === COMMA)) at++
    return this.#take(key, at) || this.#seekIn(key, at, this.#end) || this.#seekIn(key, this.#start, at)
  }

  #seekIn(key: Field, from: number, to: number): boolean {
    const last = to - key.length
    for (let at = from; at <= last; at++) if (this.#take(key, at)) return true
    return false
  }

  /** Moves behind `key` and its separator when it stands at `at`. */
  #take(key: Field, at: number): boolean {
    if (!this.#matches(key, at)) return false
    let after = at + key.length
    if (after > this.#end) return false
    const bytes = this.#bytes
    const before = at === this.#start ? SPACE : bytes[at - 1]!
    if (before !== SPACE && before !== COMMA && before !== OPEN) return false
    const separator = bytes[after]!
    if (separator !== EQUALS && separator !== COLON && separator !== SPACE) return false
    after++
    while (after < this.#end && bytes[after] === SPACE) after++
    this.#at = after
    return true
  }

  /** Whether the name stands at `at`; bytes behind the line's end may be compared. */
  #matches(key: Field, at: number): boolean {
    const words = this.#words
    if (((words.getInt32(at, true) ^ key.head) & key.headMask) !== 0) return false
    if (key.length <= 4) return true
    if (((words.getInt32(at + 4, true) ^ key.next) & key.nextMask) !== 0) return false
    for (let i = 8; i < key.length; i++) if (this.#bytes[at + i] !== key.bytes[i]) return false
    return true
  }

  #find(text: string, from: number): number {
    const last = this.#end - text.length
    for (let at = from; at <= last; at++) if (this.#stands(text, at)) return at
    return -1
  }

  #stands(text: string, at: number): boolean {
    for (let i = 0; i < text.length; i++) if (this.#bytes[at + i] !== text.charCodeAt(i)) return false
    return true
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

  /** Moves over `0x`. */
  #prefix(): void {
    const bytes = this.#bytes
    const at = this.#at
    if (bytes[at] === 48 && at + 1 < this.#end && (bytes[at + 1]! | 32) === 120) this.#at += 2
  }

  #address(): number {
    this.#prefix()
    const bytes = this.#bytes
    const start = this.#at
    const end = this.#end
    let at = start
    const split = Math.min(end, start + 8)
    let high = 0
    for (; at < split; at++) {
      const digit = HEX[bytes[at]!]!
      if (digit < 0) break
      high = (high << 4) | digit
    }
    high >>>= 0
    if (at === start) return this.#fail()
    if (at - start < 8) {
      this.#at = at
      return high
    }
    let low = 0
    const last = Math.min(end, start + 17)
    for (; at < last; at++) {
      const digit = HEX[bytes[at]!]!
      if (digit < 0) break
      low = (low << 4) | digit
    }
    low >>>= 0
    const digits = at - start - 8
    if (digits > 8) return this.#fail()
    this.#at = at
    if (digits < 6 || high < 0x200000) return high * POWER[digits]! + low
    if (digits === 8 && high === 0xffffffff && low === 0xffffffff) return TLB_FLUSH_ALL
    return high * POWER[digits]! + (low - (low % 2048))
  }

  #bits(): bigint {
    this.#prefix()
    const bytes = this.#bytes
    const start = this.#at
    let end = start
    while (end < this.#end && HEX[bytes[end]!]! >= 0) end++
    if (end === start || end - start > 16) return BigInt(this.#fail())
    const split = Math.max(start, end - 12)
    let high = 0
    for (let at = start; at < split; at++) high = high * 16 + HEX[bytes[at]!]!
    let low = 0
    for (let at = split; at < end; at++) low = low * 16 + HEX[bytes[at]!]!
    this.#at = end
    return high === 0 ? BigInt(low) : (BigInt(high) << 48n) | BigInt(low)
  }
}
