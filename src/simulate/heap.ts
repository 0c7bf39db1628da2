/**
 * The event queue: a binary heap over typed arrays in which every agenda item (a vCPU's step, a pCPU's slice) has at most one
 * time. Items are small integers; equal times come out in the order of their numbers, so runs can be repeated.
 */
export class EventHeap {
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
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.times[this.items[0]!]!
  }

  /** When an item is due, or undefined. */
  timeOf(item: number): number | undefined {
    return this.places[item]! < 0 ? undefined : this.times[item]
  }

  /** Gives an item a time, instead of the one that it may have. */
  set(item: number, time: number): void {
    this.times[item] = time
    let place = this.places[item]!
    if (place < 0) {
      place = this.count++
      this.items[place] = item
      this.places[item] = place
    }
    if (!this.rise(place)) this.sink(place)
  }

  remove(item: number): void {
    const place = this.places[item]!
    if (place < 0) return
    this.places[item] = -1
    const last = this.items[--this.count]!
    if (last === item) return
    this.items[place] = last
    this.places[last] = place
    if (!this.rise(place)) this.sink(place)
  }

  /** Takes the earliest item; -1 when there is none. */
  pop(): number {
    if (this.count === 0) return -1
    const item = this.items[0]!
    this.remove(item)
    return item
  }

  private before(a: number, b: number): boolean {
    const ta = this.times[a]!
    const tb = this.times[b]!
    return ta < tb || (ta === tb && a < b)
  }

  private rise(from: number): boolean {
    const { items, places } = this
    const item = items[from]!
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = items[parent]!
      if (!this.before(item, above)) break
      items[place] = above
      places[above] = place
      place = parent
    }
    items[place] = item
    places[item] = place
    return place !== from
  }

  private sink(from: number): void {
    const { items, places, count } = this
    const item = items[from]!
    let place = from
    for (;;) {
      let child = 2 * place + 1
      if (child >= count) break
      if (child + 1 < count && this.before(items[child + 1]!, items[child]!)) child++
      const below = items[child]!
      if (!this.before(below, item)) break
      items[place] = below
      places[below] = place
      place = child
    }
    items[place] = item
    places[item] = place
  }
}
