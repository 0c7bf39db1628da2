/** Latencies in logarithmic buckets: constant memory, 3 % resolution, exact count, sum and maximum. */

const PER_OCTAVE = 32
const OCTAVES = 44

export class Histogram {
  private readonly counts = new Float64Array(PER_OCTAVE * OCTAVES)
  count = 0
  sum = 0
  max = 0

  /** @param value - nanoseconds, or anything from 1 to 2^44 */
  add(value: number): void {
    this.count++
    this.sum += value
    if (value > this.max) this.max = value
    this.counts[
      value <= 1 ? 0 : Math.min(this.counts.length - 1, Math.floor(Math.log2(value) * PER_OCTAVE))
    ]!++
  }

  /** Adds all of another's values. */
  merge(other: Histogram): void {
    this.count += other.count
    this.sum += other.sum
    this.max = Math.max(this.max, other.max)
    for (let i = 0; i < this.counts.length; i++) this.counts[i]! += other.counts[i]!
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count
  }

  /** The value that a share of all values does not exceed. */
  quantile(share: number): number {
    let left = share * this.count
    for (let i = 0; i < this.counts.length; i++) {
      left -= this.counts[i]!
      if (left <= 0 && this.count > 0) return Math.min(this.max, 2 ** ((i + 0.5) / PER_OCTAVE))
    }
    return this.max
  }

  /** Plain figures, for results that travel between threads. */
  summary(): LatencySummary {
    const { count, mean, max } = this
    return {
      count,
      mean,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max,
    }
  }
}

/** Nanoseconds. */
export interface LatencySummary {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}
