/**
 * What cells hold while a test runs: not values, but which write is there. So one terminal state is one execution in the
 * sense of axiomatic models: who reads from whom, and the order of the writes to each place.
 */

/** A write: the number-th one of its thread on the way that it took. Event 0 is the initial write of any place. */
interface WriteEvent {
  readonly value: bigint
}

/** Numbers the writes of one test. */
export class Events {
  private readonly ids = new Map<string, number>()
  private readonly events: WriteEvent[] = [{ value: 0n }]
  private readonly orders = new Map<number, number>()
  private orderCount = 1

  /** The number of a write. */
  id(thread: number, number: number, value: bigint): number {
    const key = `${thread} ${number} ${value}`
    let id = this.ids.get(key)
    if (id === undefined) {
      id = this.events.length
      this.events.push({ value })
      this.ids.set(key, id)
    }
    return id
  }

  /** What was written by an event other than the initial one. */
  valueOf(id: number): bigint {
    return (this.events[id] as WriteEvent).value
  }

  /** The order of writes to a place after one more: 0 stands for the initial write alone. */
  append(order: number, id: number): number {
    const key = order * 0x10_0000 + id
    let next = this.orders.get(key)
    if (next === undefined) {
      next = this.orderCount++
      this.orders.set(key, next)
    }
    return next
  }
}
