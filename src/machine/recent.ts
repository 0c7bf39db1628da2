/**
 * Values under a clock: what passes through memory is remembered only as long as somebody may still look at it, so that
 * memory does not grow with simulated time. The explorer compares states and needs an {@link Interner}, which forgets nothing.
 */
import { InternalError } from '../core/errors.ts'

/** Numbers for values, as {@link Interner} gives them, or for recent values only. */
export interface Values<T> {
  id(value: T): number
  value(id: number): T
}

/**
 * The first value, id 0, and the last one, id 1: for what is given another value only when nobody looks at the one before any
 * more. Stores of it are all the same.
 */
export class LatestValue<T> implements Values<T> {
  private readonly first: T
  private latest: T

  constructor(first: T) {
    this.first = first
    this.latest = first
  }

  id(value: T): number {
    if (value === this.first) return 0
    this.latest = value
    return 1
  }

  value(id: number): T {
    return id === 0 ? this.first : this.latest
  }
}

/** How many values one variable may have been given between the making of a store and its effect. */
const REMEMBERED = 16

/** Numbers the last {@link REMEMBERED} values; id 0 is the first value, for ever. */
export class RecentValues<T> implements Values<T> {
  private readonly first: T
  private latest: T
  private count = 0
  private readonly ring: T[] = []

  constructor(first: T) {
    this.first = first
    this.latest = first
  }

  id(value: T): number {
    if (value === this.first) return 0
    if (value === this.latest) return this.count
    this.latest = value
    this.count++
    this.ring[this.count % REMEMBERED] = value
    return this.count
  }

  value(id: number): T {
    if (id === 0) return this.first
    if (this.count - id >= REMEMBERED) throw new InternalError('a value is looked at that has been forgotten')
    return this.ring[id % REMEMBERED] as T
  }
}
