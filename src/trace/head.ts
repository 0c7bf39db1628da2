/**
 * The head of a line: who, where, when, which event. The printers differ little:
 *
 *     trace, trace_pipe          <idle>-0       [002] d..2.     6.913477: tlb_flush: pages:-1 ...
 *     trace with record-tgid     <idle>-0       (-----) [002] d..2.     6.913477: tlb_flush: ...
 *     trace-cmd report           <idle>-0     [002]     6.913477: tlb_flush:            pages=-1 ...
 *     perf script               swapper     0 [002]     6.913477:        tlb:tlb_flush: pages:-1 ...
 *     trace, latency-format     <idle>-0         2d..2. 6913477us+: tlb_flush: ...
 *
 * The name of the task fills 16 columns and may hold anything, ` [000] ` included, so the usual columns are
 * tried first and the line is searched only when they do not fit.
 */

import { MAX_CPUS } from './events.ts'
import { COMM_COLUMNS, CommCache, type StringTable } from './intern.ts'
import type { Window } from './lines.ts'

const TAB = 9
const SPACE = 32
const OPEN = 40
const CLOSE = 41
const MINUS = 45
const DOT = 46
const SLASH = 47
const COLON = 58
const GREATER = 62
const LEFT = 91
const RIGHT = 93
const LETTER_S = 115
const LETTER_U = 117

/** Columns of the task's name with `latency-format`. */
const LATENCY_COMM = 8
/** No head has its CPU behind this column: bounds the search in lines that are none. */
const LONGEST_HEAD = 256

/** Distinct flags that are kept; a recording has a few dozen. */
const FLAG_SLOTS = 64

/** How the event's name is followed by its fields. */
export const FORM_FIELDS = 0
/** `sys_munmap(addr: ..)` */
export const FORM_SYSCALL_ENTER = 1
/** `sys_munmap -> 0x0` */
export const FORM_SYSCALL_EXIT = 2

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57
}

/** Hash of an event's name, `[start, end)` of the window: its ends and its length tell names apart well enough. */
export function nameHash(words: DataView, start: number, end: number): number {
  const ends =
    Math.imul(words.getInt32(start, true), 0x9e3779b1) ^ words.getInt32(Math.max(start, end - 4), true)
  const hash = Math.imul(ends, 0x85ebca6b) + end - start
  return hash ^ (hash >>> 15)
}

/** One head, parsed in place; offsets are into the window. */
export class Head {
  comm = ''
  pid = 0
  cpu = 0
  flags = ''
  /** Microseconds when {@link decimal}, else cycles. */
  time = 0
  decimal = false
  nameStart = 0
  nameEnd = 0
  /** {@link nameHash} of the name, for the vocabulary's table. */
  nameHash = 0
  form = FORM_FIELDS
  fieldsStart = 0
  readonly #bytes: Buffer
  readonly #words: DataView
  readonly #strings: StringTable
  readonly #comms = new CommCache()
  readonly #flagWords = new Int32Array(2 * FLAG_SLOTS)
  readonly #flagTexts: string[] = new Array<string>(FLAG_SLOTS).fill('')

  constructor({ bytes, words }: Window, strings: StringTable) {
    this.#bytes = bytes
    this.#words = words
    this.#strings = strings
  }

  /** Parses the line `[start, end)` of the window; false when it is no event's. */
  parse(start: number, end: number): boolean {
    const bytes = this.#bytes
    const column = start + COMM_COLUMNS
    if (column < end) {
      const cpu = this.#owner(bytes, column, end)
      if (cpu >= 0 && this.#rest(bytes, cpu, end)) {
        this.comm =
          this.#comms.get(this.pid, this.#words, start) ??
          this.#commAt(start, column, bytes[column] === MINUS)
        if (this.comm !== '') return true
      }
    }
    return this.#search(start, end)
  }

  /** `-PID [CPU]` or ` PID[/TID] [CPU]` at `at`: the offset behind `]`, or -1. */
  #owner(bytes: Buffer, from: number, end: number): number {
    let at = from
    if (bytes[at] === MINUS) at++
    else {
      while (at < end && bytes[at] === SPACE) at++
      if (at === from) return -1
    }
    let next = this.#small(bytes, at, end)
    if (next < 0) return -1
    if (bytes[next] === SLASH) {
      next = this.#small(bytes, next + 1, end)
      if (next < 0) return -1
    }
    this.pid = this.#smallValue
    at = next
    while (at < end && bytes[at] === SPACE) at++
    if (bytes[at] === OPEN) {
      while (at < end && bytes[at] !== CLOSE) at++
      at++
      while (at < end && bytes[at] === SPACE) at++
    }
    if (bytes[at] !== LEFT) return -1
    at = this.#small(bytes, at + 1, end)
    if (at < 0 || bytes[at] !== RIGHT || this.#smallValue >= MAX_CPUS) return -1
    this.cpu = this.#smallValue
    return at + 1
  }

  /** Tries every ` [` of a line whose columns are unusual; the pid ends at the last `-` or space before it. */
  #search(start: number, end: number): boolean {
    const bytes = this.#bytes
    const last = Math.min(end, start + LONGEST_HEAD)
    for (let left = start + 3; left < last; left++) {
      if (bytes[left] !== LEFT || bytes[left - 1] !== SPACE || !isDigit(bytes[left + 1])) continue
      let at = left
      while (at > start && bytes[at - 1] === SPACE) at--
      if (bytes[at - 1] === CLOSE) {
        while (at > start && bytes[at - 1] !== OPEN) at--
        at--
        while (at > start && bytes[at - 1] === SPACE) at--
      }
      while (at > start && (isDigit(bytes[at - 1]) || bytes[at - 1] === SLASH)) at--
      if (at <= start + 1) continue
      const owner = at - 1
      const cpu = this.#owner(bytes, owner, end)
      if (cpu < 0) continue
      let comm = start
      let commEnd = owner
      while (comm < owner && bytes[comm] === SPACE) comm++
      while (commEnd > comm && bytes[commEnd - 1] === SPACE) commEnd--
      if (commEnd === comm || commEnd - comm > 64) continue
      if (!this.#rest(bytes, cpu, end)) continue
      this.comm = this.#strings.text(bytes, this.#words, comm, commEnd)
      return true
    }
    return this.#latency(start, end)
  }

  /** ftrace with `latency-format`: names of 8 columns, the flags right behind the CPU, microseconds since the beginning. */
  #latency(start: number, end: number): boolean {
    const bytes = this.#bytes
    const column = start + LATENCY_COMM
    if (column >= end || bytes[column] !== MINUS) return false
    let at = this.#small(bytes, column + 1, end)
    if (at < 0) return false
    this.pid = this.#smallValue
    while (at < end && bytes[at] === SPACE) at++
    at = this.#small(bytes, at, end)
    if (at < 0 || this.#smallValue >= MAX_CPUS) return false
    this.cpu = this.#smallValue
    const flags = at
    while (at < end && bytes[at] !== SPACE) at++
    if (at - flags < 4 || at - flags > 8) return false
    this.flags = this.#flagsOf(flags, at)
    while (at < end && bytes[at] === SPACE) at++
    at = this.#integer(bytes, at, end)
    if (at < 0) return false
    this.time = this.#value
    this.decimal = bytes[at] === LETTER_U && bytes[at + 1] === LETTER_S
    // The mark says how long it is to the next line: ` `, `+`, `!`, `#`, ...
    if (this.decimal) at += 3
    if (at >= end || bytes[at] !== COLON) return false
    at++
    while (at < end && bytes[at] === SPACE) at++
    let comm = start
    while (comm < column && bytes[comm] === SPACE) comm++
    this.comm = this.#strings.text(bytes, this.#words, comm, column)
    return this.comm !== '' && this.#name(bytes, at, end)
  }

  /** The name in the usual columns, right-aligned there, where perf has narrower ones; '' when they are empty. */
  #commAt(start: number, column: number, isWhole: boolean): string {
    let comm = start
    let end = column
    while (comm < end && this.#bytes[comm] === SPACE) comm++
    if (!isWhole) while (end > comm && this.#bytes[end - 1] === SPACE) end--
    const text = this.#strings.text(this.#bytes, this.#words, comm, end)
    if (text !== '') this.#comms.set(this.pid, this.#words, start, text)
    return text
  }

  /** Flags, time and the event's name, from behind the CPU. */
  #rest(bytes: Buffer, from: number, end: number): boolean {
    let at = from
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++
    const flags = at
    if (!isDigit(bytes[at])) while (at < end && bytes[at] !== SPACE) at++
    if (at - flags > 8) return false
    this.flags = this.#flagsOf(flags, at)
    while (at < end && bytes[at] === SPACE) at++
    at = this.#time(bytes, at, end)
    if (at < 0 || bytes[at] !== COLON) return false
    at++
    while (at < end && bytes[at] === SPACE) at++
    if (isDigit(bytes[at])) {
      // perf script may print the sample's period before the event
      while (at < end && isDigit(bytes[at])) at++
      while (at < end && bytes[at] === SPACE) at++
    }
    return this.#name(bytes, at, end)
  }

  /** The flags `[start, end)`, at most 8: nearly always those of an earlier line with the same two words. */
  #flagsOf(start: number, end: number): string {
    const length = end - start
    if (length === 0) return ''
    const words = this.#words
    let low = words.getInt32(start, true)
    let high = 0
    if (length < 4) low &= (1 << (8 * length)) - 1
    else if (length === 8) high = words.getInt32(start + 4, true)
    else high = words.getInt32(start + 4, true) & ((1 << (8 * (length - 4))) - 1)
    const slot = (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> 26) & (FLAG_SLOTS - 1)
    if (this.#flagWords[2 * slot] !== low || this.#flagWords[2 * slot + 1] !== high) {
      this.#flagWords[2 * slot] = low
      this.#flagWords[2 * slot + 1] = high
      this.#flagTexts[slot] = this.#bytes.toString('latin1', start, end)
    }
    return this.#flagTexts[slot]!
  }

  #time(bytes: Buffer, from: number, end: number): number {
    let at = this.#integer(bytes, from, end)
    if (at < 0) return -1
    const whole = this.#value
    this.decimal = bytes[at] === DOT
    this.time = whole
    if (!this.decimal) return at
    const point = at
    at = this.#integer(bytes, at + 1, end)
    if (at < 0) return -1
    const digits = at - point - 1
    if (digits > 9 || whole > 1e10) return -1
    this.time = digits === 6 ? whole * 1e6 + this.#value : whole * 1e6 + this.#value * 10 ** (6 - digits)
    return at
  }

  #name(bytes: Buffer, from: number, end: number): boolean {
    let start = from
    let at = from
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte === COLON) {
        const next = at + 1 < end ? bytes[at + 1]! : SPACE
        if (next === SPACE) break
        start = at + 1
        continue
      }
      if (byte === SPACE || byte === OPEN) break
    }
    const length = at - start
    if (length === 0 || length > 100) return false
    this.nameStart = start
    this.nameEnd = at
    this.nameHash = nameHash(this.#words, start, at)
    this.form = FORM_FIELDS
    if (bytes[at] === OPEN) this.form = FORM_SYSCALL_ENTER
    else if (bytes[at] === SPACE && bytes[at + 1] === MINUS && bytes[at + 2] === GREATER && at + 2 < end)
      this.form = FORM_SYSCALL_EXIT
    at = at < end ? at + 1 : end
    while (at < end && bytes[at] === SPACE) at++
    this.fieldsStart = at
    return true
  }

  #smallValue = 0

  /** Reads an integer of at most 9 digits into #smallValue: the offset behind it, or -1. */
  #small(bytes: Buffer, from: number, end: number): number {
    let at = from
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) break
      value = (Math.imul(value, 10) + digit) | 0
    }
    this.#smallValue = value
    return at === from || at - from > 9 ? -1 : at
  }

  #value = 0

  /** Reads an integer of at most 20 digits (exact below 2^53) into #value: the offset behind it, or -1. */
  #integer(bytes: Buffer, from: number, end: number): number {
    let at = from
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    this.#value = value
    return at === from || at - from > 20 ? -1 : at
  }
}
