/** What stands in the first two panels of a plot of `bench`: rates, and latencies of flushes. */
import type { BenchArm } from './bench-text.ts'
import { type Bounded, colour, INK, whiskers } from './plot-parts.ts'

/** How far the marks of arm `i` of several stand from the middle of a place. */
function beside(i: number, arms: number): number {
  return 0.05 * (i - (arms - 1) / 2)
}

function interval({ rate }: BenchArm): Bounded {
  return {
    value: rate.value,
    low: Math.max(0, rate.value - rate.plusMinus),
    high: rate.value + rate.plusMinus,
  }
}

/** A log axis has no zero: an arm that never flushed others has no point there. */
function onLog(value: number): number | null {
  return value > 0 ? value : null
}

/** Bars, and marks of latencies, of the arms of one machine. */
export function bars(arms: readonly BenchArm[]) {
  const at = arms.map((arm, i) => [i, arm] as const)
  return [
    {
      type: 'bar' as const,
      name: 'rate',
      barWidth: Math.min(70, 500 / arms.length),
      data: at.map(([i, { rate }]) => ({ value: [i, rate.value], itemStyle: { color: colour(i) } })),
    },
    whiskers(
      0,
      at.map(([i, arm]) => [i, interval(arm)]),
      INK,
    ),
    {
      type: 'scatter' as const,
      name: 'median',
      xAxisIndex: 1,
      yAxisIndex: 1,
      symbolSize: 11,
      data: at.map(([i, { flush }]) => ({ value: [i, onLog(flush.p50)], itemStyle: { color: colour(i) } })),
    },
    whiskers(
      1,
      at.map(([i, { flush }]) => [
        i,
        flush.p50 > 0 ? { value: flush.p50, low: flush.p50, high: flush.p99 } : undefined,
      ]),
      INK,
    ),
    {
      type: 'scatter' as const,
      name: 'longest',
      xAxisIndex: 1,
      yAxisIndex: 1,
      symbol: 'triangle',
      symbolSize: 10,
      data: at.map(([i, { flush }]) => ({ value: [i, onLog(flush.max)], itemStyle: { color: colour(i) } })),
    },
  ]
}

/**
 * A line for each arm over the machines of a sweep.
 *
 * @param inOrder - whether the machines differ in one size, which a line can follow
 */
export function lines(
  arms: readonly BenchArm[],
  names: readonly string[],
  places: readonly string[],
  inOrder: boolean,
) {
  // Machines that differ in several ways are in no order that a line could follow.
  const opacity = inOrder ? 1 : 0
  return names.flatMap((name, i) => {
    const points = places.flatMap((where, place) => {
      const arm = arms.find((one) => one.name === name && one.where === where)
      return arm === undefined ? [] : [[place + beside(i, names.length), arm] as const]
    })
    const line = {
      type: 'line' as const,
      name,
      symbol: SYMBOLS[i % SYMBOLS.length],
      symbolSize: 9,
      lineStyle: { width: 2, opacity },
      itemStyle: { color: colour(i) },
      color: colour(i),
    }
    const latency = (of: 'p99' | 'max') => points.map(([x, { flush }]) => [x, onLog(flush[of])])
    return [
      { ...line, data: points.map(([x, { rate }]) => [x, rate.value]) },
      whiskers(
        0,
        points.map(([x, arm]) => [x, interval(arm)]),
        colour(i),
      ),
      { ...line, xAxisIndex: 1, yAxisIndex: 1, data: latency('p99') },
      {
        ...line,
        xAxisIndex: 1,
        yAxisIndex: 1,
        lineStyle: { width: 1.5, type: 'dashed' as const, opacity },
        symbolSize: 6,
        data: latency('max'),
      },
    ]
  })
}

const SYMBOLS = [
  'circle',
  'rect',
  'triangle',
  'diamond',
  'emptyCircle',
  'emptyRect',
  'emptyTriangle',
  'emptyDiamond',
]
