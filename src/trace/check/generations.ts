import type { Where } from '../events.ts'

/** A generation counter's value as far as a recording tells: surely `low`, at most `high`. */
export interface Bounds {
  readonly low: number
  readonly high: number
}

/** A request that has not shown its generation yet: its CPU may have taken one already. */
interface Request {
  readonly pid: number
  readonly at: Where
}

/** What was known of a counter when a flush showed its generation. */
export interface Taken {
  /** The latest generation shown until then, and where. */
  readonly known: number
  readonly shownAt: Where | undefined
  /** Flushes that may have taken a generation without having shown it. */
  readonly between: number
  /** `first` of this mm in the recording; `restarted`: the pointer bears another mm now. */
  readonly place: 'first' | 'restarted' | 'next'
}

/** Generations a counter may fall back without being another counter: flushes that print out of order. */
const OUT_OF_ORDER = 64

/**
 * The TLB generation of one mm as the recording shows it. A flush takes its generation between two lines, its request
 * and its first line with a number; while it is between them another CPU may read the counter before or after.
 */
class Counter {
  known = 0
  /** The line that showed {@link known}. */
  at: Where | undefined
  readonly inFlight: Request[] = []
  /** Requests that came to nothing: each took a generation that no line shows. */
  unseen = 0
}

/** The generation counters of all address spaces, by pointer. */
export class Generations {
  readonly #counters = new Map<string, Counter>()

  /** A task asks for a flush: it is about to take a generation. */
  requested(mm: string, at: Where): void {
    const counter = this.#counter(mm)
    this.#drop(counter, at.pid)
    counter.inFlight.push({ pid: at.pid, at })
    if (counter.inFlight.length > 4096) counter.inFlight.shift()
  }

  /** The request came to nothing: nobody was to be flushed. */
  abandoned(mm: string, pid: number): void {
    const counter = this.#counter(mm)
    if (this.#drop(counter, pid)) counter.unseen++
  }

  /** The initiator's own line shows its generation; gives what was known of the counter before. */
  taken(mm: string, gen: number, at: Where): Taken {
    const counter = this.#counter(mm)
    this.#drop(counter, at.pid)
    const { known, unseen } = counter
    const before = { known, between: counter.inFlight.length + unseen, shownAt: counter.at }
    const restarted = gen < known - OUT_OF_ORDER
    if (gen > known || restarted) {
      counter.unseen = restarted ? 0 : Math.max(0, known + 1 + unseen - gen)
      counter.known = gen
      counter.at = at
    }
    return { ...before, place: known === 0 ? 'first' : restarted ? 'restarted' : 'next' }
  }

  /** What reading the counter now can give; undefined when it has not been seen yet. */
  now(mm: string): Bounds | undefined {
    const counter = this.#counters.get(mm)
    if (counter === undefined || counter.known === 0) return undefined
    return { low: counter.known, high: counter.known + counter.inFlight.length + counter.unseen }
  }

  /** Lines of the flushes that make {@link now} uncertain. */
  underWay(mm: string): readonly Where[] {
    return this.#counters.get(mm)?.inFlight.map((request) => request.at) ?? []
  }

  /** The line that showed the present generation. */
  shownAt(mm: string): Where | undefined {
    return this.#counters.get(mm)?.at
  }

  /** The pointer bears another mm from now on. */
  restart(mm: string): void {
    this.#counters.delete(mm)
  }

  #counter(mm: string): Counter {
    let counter = this.#counters.get(mm)
    if (counter === undefined) {
      counter = new Counter()
      this.#counters.set(mm, counter)
      if (this.#counters.size > 65_536) this.#counters.delete(this.#counters.keys().next().value ?? '')
    }
    return counter
  }

  #drop(counter: Counter, pid: number): boolean {
    const at = counter.inFlight.findIndex((request) => request.pid === pid)
    if (at >= 0) counter.inFlight.splice(at, 1)
    return at >= 0
  }
}
