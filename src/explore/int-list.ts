/** A list of 32-bit integers that grows, for tables with one entry per node or local state. */
export class IntList {
  /** The entries; only the first `size` count. Replaced when the list grows. */
  data: Int32Array
  size = 0

  constructor(capacity = 256) {
    this.data = new Int32Array(capacity)
  }

  push(value: number): number {
    if (this.size === this.data.length) {
      const grown = new Int32Array(this.data.length * 2)
      grown.set(this.data)
      this.data = grown
    }
    this.data[this.size] = value
    return this.size++
  }

  at(index: number): number {
    return this.data[index]!
  }
}
