/** Buckets in each doubling: a quantile is right to about 1 %. */
const PER_DOUBLING = 64

/** A distribution of positive values of any range, in constant memory. */
export class LogHistogram {
  #n = 0
  #sum = 0
  #max = 0
  readonly #buckets = new Map<number, number>()

  /** Counts a value; values below 1 count as 1, and what is no number is passed over. */
  add(value: number): void {
    if (!(value >= 0) || value === Number.POSITIVE_INFINITY) return
    this.#n++
    this.#sum += value
    this.#max = Math.max(this.#max, value)
    const bucket = Math.round(Math.log2(Math.max(1, value)) * PER_DOUBLING)
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
  }

  get n(): number {
    return this.#n
  }

  get mean(): number {
    return this.#n === 0 ? 0 : this.#sum / this.#n
  }

  get max(): number {
    return this.#max
  }

  /** The value that the share `q`, 0 to below 1, of all values precedes in order; 0 when there are none. */
  quantile(q: number): number {
    const wanted = q * this.#n
    let seen = 0
    for (const [bucket, n] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      seen += n
      if (seen > wanted) return Math.min(this.#max, 2 ** (bucket / PER_DOUBLING))
    }
    return 0
  }
}
