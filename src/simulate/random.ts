/** Random numbers by seed: every run of the simulator can be repeated exactly. */

/** A small generator (mulberry32): good enough for jitter and choices, and the same on every machine. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = (seed ^ 0x9e3779b9) >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  /** 0 .. count - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** The same things in another order. */
  shuffled<T>(things: readonly T[]): T[] {
    const order = [...things]
    for (let i = order.length - 1; i > 0; i--) {
      const other = this.below(i + 1)
      ;[order[i], order[other]] = [order[other]!, order[i]!]
    }
    return order
  }

  /** A value near `mean`: uniform within a relative spread. */
  near(mean: number, spread: number): number {
    return mean * (1 + spread * (2 * this.next() - 1))
  }

  /** Exponential with a mean: times between independent events. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  /** A generator of its own for one part of a run, so that parts do not disturb each other. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 0x1_0000_0000))
  }
}
