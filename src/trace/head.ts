/**
 * The head of a line: who, where, when, which event. The four printers differ little:
 *
 *     trace, trace_pipe          <idle>-0       [002] d..2.     6.913477: tlb_flush: pages:-1 ...
 *     trace with record-tgid     <idle>-0       (-----) [002] d..2.     6.913477: tlb_flush: ...
 *     trace-cmd report           <idle>-0     [002]     6.913477: tlb_flush:            pages=-1 ...
 *     perf script               swapper     0 [002]     6.913477:        tlb:tlb_flush: pages:-1 ...
 *
 * The name of the task fills 16 columns and may hold anything, ` [000] ` included, so the usual columns are
 * tried first and the line is searched only when they do not fit.
 */

import { MAX_CPUS } from './events.ts'

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

/** Columns of the task's name, TASK_COMM_LEN. */
const COMM = 16
/** No head has its CPU behind this column: bounds the search in lines that are none. */
const LONGEST_HEAD = 256

/** How the event's name is followed by its fields. */
export const FORM_FIELDS = 0
/** `sys_munmap(addr: ..)` */
export const FORM_SYSCALL_ENTER = 1
/** `sys_munmap -> 0x0` */
export const FORM_SYSCALL_EXIT = 2

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57
}

/** One head, parsed in place; offsets are into the bytes that were given. */
export class Head {
  commStart = 0
  commEnd = 0
  pid = 0
  cpu = 0
  flagsStart = 0
  flagsEnd = 0
  /** Microseconds when {@link decimal}, else cycles. */
  time = 0
  decimal = false
  nameStart = 0
  nameEnd = 0
  /** Rolling hash of the name, for the vocabulary's table. */
  nameHash = 0
  form = FORM_FIELDS
  fieldsStart = 0

  /** Parses `bytes[start, end)`; false when it is no event's line. */
  parse(bytes: Buffer, start: number, end: number): boolean {
    const column = start + COMM
    if (column < end) {
      const cpu = this.#owner(bytes, column, end)
      if (cpu >= 0) {
        let comm = start
        while (comm < column && bytes[comm] === SPACE) comm++
        this.commStart = comm
        this.commEnd = column
        if (comm < column && this.#rest(bytes, cpu, end)) return true
      }
    }
    return this.#search(bytes, start, end)
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
  #search(bytes: Buffer, start: number, end: number): boolean {
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
      this.commStart = start
      this.commEnd = owner
      while (this.commStart < owner && bytes[this.commStart] === SPACE) this.commStart++
      while (this.commEnd > this.commStart && bytes[this.commEnd - 1] === SPACE) this.commEnd--
      if (this.commEnd === this.commStart || this.commEnd - this.commStart > 64) continue
      if (this.#rest(bytes, cpu, end)) return true
    }
    return false
  }

  /** Flags, time and the event's name, from behind the CPU. */
  #rest(bytes: Buffer, from: number, end: number): boolean {
    let at = from
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++
    this.flagsStart = at
    if (!isDigit(bytes[at])) while (at < end && bytes[at] !== SPACE) at++
    this.flagsEnd = at
    if (this.flagsEnd - this.flagsStart > 8) return false
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
    let hash = 0
    let at = from
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte === COLON) {
        const next = at + 1 < end ? bytes[at + 1]! : SPACE
        if (next === SPACE) break
        start = at + 1
        hash = 0
        continue
      }
      if (byte === SPACE || byte === OPEN) break
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    const length = at - start
    if (length === 0 || length > 100) return false
    this.nameStart = start
    this.nameEnd = at
    this.nameHash = hash
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

  /** Reads an integer of at most 15 digits into #value: the offset behind it, or -1. */
  #integer(bytes: Buffer, from: number, end: number): number {
    let at = from
    let value = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    this.#value = value
    return at === from || at - from > 15 ? -1 : at
  }
}
