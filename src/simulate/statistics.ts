/** Means, deviations and intervals over seeds. */

/** 97.5 % quantiles of Student's t by degrees of freedom (1 to 30). */
const T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

export interface Interval {
  readonly value: number
  /** Half of the 95 % confidence interval; 0 when there is one value only. */
  readonly plusMinus: number
}

/** Mean with its 95 % confidence interval. */
export function meanOf(values: readonly number[]): Interval {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  if (n < 2) return { value: mean, plusMinus: 0 }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  return { value: mean, plusMinus: (T[n - 2] ?? 1.96) * Math.sqrt(variance / n) }
}

/** The ratio of two measurements that share their seeds: the mean of logarithms, so that a ratio and its inverse agree. */
export function ratioOf(values: readonly number[], reference: readonly number[]): Interval {
  const logs = values.map((value, i) => Math.log(value / reference[i]!))
  const { value, plusMinus } = meanOf(logs)
  return { value: Math.exp(value), plusMinus: Math.exp(value) * plusMinus }
}
