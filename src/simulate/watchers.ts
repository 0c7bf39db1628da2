/** Who waits for a cell, in the order in which they have come. Any of them leaves without the others being moved. */
export class Watchers<T> {
  private items: (T | undefined)[] = []
  count = 0

  add(item: T): void {
    this.items.push(item)
    this.count++
  }

  remove(item: T): void {
    const { items } = this
    const place = items.indexOf(item)
    if (place < 0) return
    items[place] = undefined
    this.count--
    if (items.length > 2 * this.count + FEW) this.items = this.all()
  }

  /** Who has come right before one of them. */
  before(item: T): T | undefined {
    let place = this.items.indexOf(item) - 1
    while (place >= 0 && this.items[place] === undefined) place--
    return this.items[place]
  }

  /** All that are there now. */
  all(): T[] {
    return this.items.filter((item) => item !== undefined)
  }
}

/** Empty places that are never worth closing up. */
const FEW = 8
