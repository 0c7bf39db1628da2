/**
 * The events of the execution that is being explored, in order, with their clocks. A clock has one entry a mover: how many of
 * its events happen before, the event itself included.
 */

/** Doubles an array when an index is out of it. */
export function room(array: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  if (size <= array.length) return array
  const grown = new Int32Array(Math.max(size, array.length * 2))
  grown.set(array)
  return grown
}

export class Events {
  readonly movers: number
  size = 0
  mover = new Int32Array(64)
  choice = new Int32Array(64)
  /** Sets of accesses. */
  access = new Int32Array(64)
  /** Which of its mover's events it is, from 0. */
  ordinal = new Int32Array(64)
  clocks: Int32Array<ArrayBuffer>
  /** How many events each mover has had. */
  readonly counts: Int32Array
  private readonly of: number[][]

  constructor(movers: number) {
    this.movers = movers
    this.clocks = new Int32Array(64 * movers)
    this.counts = new Int32Array(movers)
    this.of = Array.from({ length: movers }, () => [])
  }

  /** Begins an event; its clock is that of its mover's last one. */
  push(mover: number, choice: number): number {
    const event = this.size++
    if (event >= this.mover.length) {
      this.mover = room(this.mover, this.size)
      this.choice = room(this.choice, this.size)
      this.access = room(this.access, this.size)
      this.ordinal = room(this.ordinal, this.size)
      this.clocks = room(this.clocks, this.mover.length * this.movers)
    }
    const own = this.of[mover]!
    const count = this.counts[mover]!
    this.mover[event] = mover
    this.choice[event] = choice
    this.ordinal[event] = count
    this.startClock(event, count === 0 ? -1 : own[count - 1]!)
    own[count] = event
    this.counts[mover] = count + 1
    return event
  }

  pop(): void {
    this.size--
    const mover = this.mover[this.size]!
    this.counts[mover] = this.counts[mover]! - 1
  }

  /** The last event of a mover; -1 when there is none. */
  last(mover: number): number {
    const count = this.counts[mover]!
    return count === 0 ? -1 : this.of[mover]![count - 1]!
  }

  /** A mover's event by its number; -1 when there is none. */
  nth(mover: number, ordinal: number): number {
    return ordinal < this.counts[mover]! ? this.of[mover]![ordinal]! : -1
  }

  /** Whether `a` happens before `b`, or is it. */
  before(a: number, b: number): boolean {
    return this.clocks[b * this.movers + this.mover[a]!]! > this.ordinal[a]!
  }

  /** Everything that happens before `other` happens before `event`. */
  join(event: number, other: number): void {
    const { clocks, movers } = this
    const to = event * movers
    const from = other * movers
    for (let i = 0; i < movers; i++) {
      const known = clocks[from + i]!
      if (known > clocks[to + i]!) clocks[to + i] = known
    }
  }

  private startClock(event: number, previous: number): void {
    const { clocks, movers } = this
    const to = event * movers
    if (previous < 0) {
      for (let i = 0; i < movers; i++) clocks[to + i] = 0
    } else {
      const from = previous * movers
      for (let i = 0; i < movers; i++) clocks[to + i] = clocks[from + i]!
    }
  }

  /** The event counts itself. */
  closeClock(event: number): void {
    this.clocks[event * this.movers + this.mover[event]!] = this.ordinal[event]! + 1
  }
}
