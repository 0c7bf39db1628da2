const BINS = 64

/**
 * Flushes over time in a fixed number of bins: when the recording outgrows them, each two become one. So the
 * curve of a recording of any length costs the same.
 */
export class FlushRate {
  /** Width of a bin, in the unit of the clock; doubles as the recording grows. */
  width = 1000
  readonly #bins = new Float64Array(BINS)
  #start: number | undefined
  #used = 0

  /** Counts a flush at `time`. */
  add(time: number): void {
    this.#start ??= time
    if (!(time >= this.#start)) return
    let bin = Math.floor((time - this.#start) / this.width)
    while (bin >= BINS) {
      this.#halve()
      bin = Math.floor((time - this.#start) / this.width)
    }
    this.#bins[bin]! += 1
    this.#used = Math.max(this.#used, bin + 1)
  }

  /** Flushes in each bin, from the first flush to the last. */
  counts(): readonly number[] {
    return [...this.#bins.subarray(0, this.#used)]
  }

  #halve(): void {
    for (let i = 0; i < BINS; i++) {
      this.#bins[i] = 2 * i < BINS ? this.#bins[2 * i]! + this.#bins[2 * i + 1]! : 0
    }
    this.#used = Math.ceil(this.#used / 2)
    this.width *= 2
  }
}
