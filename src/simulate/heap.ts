/**
 * The event queue: a heap over typed arrays in which every agenda item (a vCPU's step, a pCPU's slice) has at most one time.
 * Items are small integers; equal times come out in the order of their numbers, so runs can be repeated. Four children a
 * node: the items most often set are at the top, and go down few levels.
 */
const CHILDREN = 4

export class EventHeap {
  /** By place: the time, and whose it is. */
  private readonly times: Float64Array
  private readonly items: Int32Array
  /** Place of each item in the heap, -1 when it has no time. */
  private readonly places: Int32Array
  private count = 0

  constructor(items: number) {
    this.times = new Float64Array(items)
    this.items = new Int32Array(items)
    this.places = new Int32Array(items).fill(-1)
  }

  /** The earliest time; infinite when nothing is due. */
  get earliest(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.times[0]!
  }

  /** The item that is due first; -1 when there is none. */
  get first(): number {
    return this.count === 0 ? -1 : this.items[0]!
  }

  /** When an item is due, or undefined. */
  timeOf(item: number): number | undefined {
    const place = this.places[item]!
    return place < 0 ? undefined : this.times[place]
  }

  /** Gives an item a time, instead of the one that it may have. */
  set(item: number, time: number): void {
    const place = this.places[item]!
    if (place < 0) this.rise(this.count++, item, time)
    else if (time > this.times[place]!) this.sink(place, item, time)
    else this.rise(place, item, time)
  }

  remove(item: number): void {
    const place = this.places[item]!
    if (place < 0) return
    this.places[item] = -1
    const last = --this.count
    if (place === last) return
    const moved = this.items[last]!
    const time = this.times[last]!
    const parent = (place - 1) >> 2
    if (place > 0 && this.before(time, moved, parent)) this.rise(place, moved, time)
    else this.sink(place, moved, time)
  }

  /** Takes the earliest item; -1 when there is none. */
  pop(): number {
    const item = this.first
    if (item >= 0) this.remove(item)
    return item
  }

  private before(time: number, item: number, place: number): boolean {
    const other = this.times[place]!
    return time < other || (time === other && item < this.items[place]!)
  }

  private put(place: number, item: number, time: number): void {
    this.times[place] = time
    this.items[place] = item
    this.places[item] = place
  }

  private rise(from: number, item: number, time: number): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 2
      if (!this.before(time, item, parent)) break
      this.put(place, this.items[parent]!, this.times[parent]!)
      place = parent
    }
    this.put(place, item, time)
  }

  private sink(from: number, item: number, time: number): void {
    const { times, items, count } = this
    let place = from
    for (;;) {
      const first = CHILDREN * place + 1
      if (first >= count) break
      const end = Math.min(first + CHILDREN, count)
      let least = first
      for (let child = first + 1; child < end; child++) {
        if (this.before(times[child]!, items[child]!, least)) least = child
      }
      if (this.before(time, item, least)) break
      this.put(place, items[least]!, times[least]!)
      place = least
    }
    this.put(place, item, time)
  }
}
