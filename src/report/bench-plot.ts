/**
 * Plots of `bench`: how much was done in a second, how long flushes took, and where the time went. On one machine a bar for each
 * arm; over a sweep of machines a line. Intervals are 95 %, over seeds.
 */
import type { Account } from '../simulate/operations.ts'
import { bars, lines } from './bench-plot-series.ts'
import { type BenchArm, plural } from './bench-text.ts'
import { AXIS, type Box, drawSvg, FONT, heading, INK, textWidth, tick } from './plot-parts.ts'

interface Drawing {
  readonly title: string
  readonly unit: string
  /** On one machine, or on those of a sweep. */
  readonly arms: readonly BenchArm[]
}

const WIDTH = 960
const PANEL = 250
const MARGIN = { left: 92, right: 28, top: 96, between: 92 }

/** What the accounts are drawn as, from below. */
const GROUPS: readonly {
  readonly name: string
  readonly accounts: readonly Account[]
  readonly fill: string
}[] = [
  { name: 'user', accounts: ['user'], fill: '#bfd9ec' },
  { name: 'kernel, faults', accounts: ['kernel', 'faults'], fill: '#56b4e9' },
  { name: 'invalidation', accounts: ['flush'], fill: '#0072b2' },
  { name: 'TLB refill', accounts: ['refill'], fill: '#003f66' },
  { name: 'IPI sent', accounts: ['send'], fill: '#f4c27a' },
  { name: 'IPI wait', accounts: ['ack wait'], fill: '#d55e00' },
  { name: 'interrupts', accounts: ['interrupts'], fill: '#8c3b00' },
  { name: 'exits, host', accounts: ['exits', 'host'], fill: '#cc79a7' },
  { name: 'locks, cache lines', accounts: ['locks', 'lines'], fill: '#009e73' },
  { name: 'RCU', accounts: ['rcu'], fill: '#e6d200' },
  { name: 'idle', accounts: ['idle'], fill: '#e0e0e0' },
  { name: 'waits for a pCPU', accounts: ['not running'], fill: '#888888' },
]

/** The figure as an SVG document. */
export function benchSvg({ title, unit, arms: measured }: Drawing): string {
  // Where nobody flushes, the latencies are those of the operation itself.
  const flushes = measured.some(({ flush }) => flush.max > 0)
  const arms = flushes ? measured : measured.map((arm) => ({ ...arm, flush: arm.operation }))
  const what = flushes ? 'flush' : unit
  const places = [...new Set(arms.map(({ where }) => where))]
  const sweep = places.length > 1
  const names = [...new Set(arms.map(({ name }) => name))]
  const rows = sweep ? legendRows(names) : 0
  const boxes = [0, 1, 2].map((panel) =>
    boxOf(panel, panel === 2 && sweep ? arms.length * 24 : PANEL, rows * LEGEND_ROW),
  )
  const labels = sweep
    ? sweepLabels(arms, places)
    : { name: '', of: arms.map(({ name }) => name), short: () => '' }
  const timeRows = arms.map(({ name, where }) =>
    sweep ? `${name}; ${labels.short(places.indexOf(where))}` : name,
  )
  const longest = Math.max(...timeRows.map(textWidth))
  const time = { ...boxes[2]!, left: Math.max(MARGIN.left, longest + 16) }
  const panels: readonly [Box, Box, Box] = [
    boxes[0]!,
    boxes[1]!,
    {
      ...time,
      width: WIDTH - MARGIN.right - time.left,
      height: sweep ? time.height : Math.max(60, arms.length * 34),
    },
  ]
  const used = GROUPS.filter(({ accounts }) => arms.some((arm) => share(arm, accounts) >= 0.002))
  const height = panels[2].top + panels[2].height + 96
  return drawSvg(WIDTH, height, `${title}: rates, ${what} latencies, where the time went`, {
    title: {
      text: title,
      subtext: subtitle(places),
      left: 'center',
      top: 8,
      textStyle: { fontSize: 17, color: INK },
      subtextStyle: { fontSize: 13, color: INK },
    },
    legend: [
      ...(sweep ? [{ ...LEGEND, ...legendPlace(rows, panels[0].top), data: names }] : []),
      { ...LEGEND, top: height - 46, left: 40, right: 40, data: used.map(({ name }) => name) },
    ],
    grid: panels.map(({ left, top, width, height: tall }) => ({ left, top, width, height: tall })),
    graphic: [
      heading(`${plural(unit)} per second, all vCPUs together`, panels[0]),
      heading(
        sweep
          ? `${what} latency: 99th percentile, and the longest (dashed)`
          : `${what} latency: median (dot), 99th percentile (bar), longest (triangle)`,
        panels[1],
      ),
      heading('where the vCPUs’ time went', { ...panels[2], left: MARGIN.left }),
    ],
    xAxis: [
      { gridIndex: 0, name: labels.name, ...(sweep ? positions(labels.of) : categories(labels.of)) },
      { gridIndex: 1, name: labels.name, ...(sweep ? positions(labels.of) : categories(labels.of)) },
      {
        type: 'value',
        gridIndex: 2,
        min: 0,
        max: 100,
        name: 'share of time, %',
        nameLocation: 'middle',
        nameGap: 28,
        ...AXIS,
      },
    ],
    yAxis: [
      { type: 'value', gridIndex: 0, min: 0, name: `${plural(unit)}/s`, ...VERTICAL },
      {
        type: 'log',
        gridIndex: 1,
        name: 'µs',
        ...VERTICAL,
        ...logRange(arms),
        minorTick: { show: true, splitNumber: 9 },
        minorSplitLine: { show: true, lineStyle: { color: '#f0f0f0' } },
      },
      { type: 'category', gridIndex: 2, inverse: true, data: timeRows, ...AXIS, splitLine: { show: false } },
    ],
    series: [
      ...(sweep ? lines(arms, names, places, labels.name !== '') : bars(arms)),
      ...used.map(({ name, accounts, fill }) => ({
        type: 'bar' as const,
        name,
        stack: 'time',
        xAxisIndex: 2,
        yAxisIndex: 2,
        itemStyle: { color: fill },
        barWidth: sweep ? 15 : 22,
        data: arms.map((arm) => 100 * share(arm, accounts)),
      })),
    ],
  })
}

function boxOf(panel: number, height: number, down: number): Box {
  return {
    left: MARGIN.left,
    top: MARGIN.top + down + panel * (PANEL + MARGIN.between),
    width: WIDTH - MARGIN.left - MARGIN.right,
    height,
  }
}

const LEGEND = {
  textStyle: { fontSize: 13, color: INK, fontFamily: FONT },
  itemWidth: 18,
  itemHeight: 11,
  itemGap: 14,
}
const LEGEND_ROW = 24
/** What stands to the left of the legend beside the first panel's heading. */
const HEADING = 290

/** Rows of their own that the names of the arms need; 0 if they fit beside the first panel's heading. */
function legendRows(names: readonly string[]): number {
  const widths = names.map((name) => textWidth(name) + 2 * LEGEND.itemWidth + LEGEND.itemGap)
  if (widths.reduce((sum, width) => sum + width, 0) <= WIDTH - MARGIN.left - MARGIN.right - HEADING) return 0
  let rows = 1
  let used = 0
  for (const width of widths) {
    if (used > 0 && used + width > WIDTH - 80) {
      rows++
      used = 0
    }
    used += width
  }
  return rows
}

function legendPlace(rows: number, top: number) {
  if (rows === 0) return { top: top - 28, right: MARGIN.right }
  return { top: top - 36 - rows * LEGEND_ROW, left: 40, right: 40 }
}

/** An axis whose whole numbers stand for names: marks of several arms at one place can stand beside each other. */
function positions(names: readonly string[]) {
  return {
    ...AXIS,
    type: 'value' as const,
    min: -0.5,
    max: names.length - 0.5,
    interval: 0.5,
    axisLabel: {
      ...AXIS.axisLabel,
      formatter: (at: number) => names[at] ?? '',
      width: Math.max(60, (WIDTH - MARGIN.left - MARGIN.right) / names.length - 8),
      overflow: 'break' as const,
    },
    axisTick: { show: false },
    nameLocation: 'middle' as const,
    nameGap: 28,
    splitLine: { show: false },
  }
}

/** An axis of names, for bars. */
function categories(names: readonly string[]) {
  const { axisLabel, ...rest } = positions(names)
  return {
    ...rest,
    type: 'category' as const,
    min: undefined,
    max: undefined,
    data: [...names],
    axisLabel: { ...axisLabel, interval: 0, formatter: undefined },
  }
}

const VERTICAL = {
  ...AXIS,
  axisLabel: { ...AXIS.axisLabel, formatter: tick },
  nameLocation: 'middle' as const,
  nameGap: 62,
}

function subtitle(places: readonly string[]): string {
  return `${places.length === 1 ? `${places[0]}; ` : ''}error bars: 95 % intervals over seeds`
}

function share(arm: BenchArm, accounts: readonly Account[]): number {
  return accounts.reduce((sum, account) => sum + arm.shares[account], 0)
}

/** What differs between the machines of a sweep, for the axis. */
function sweepLabels(arms: readonly BenchArm[], places: readonly string[]) {
  const sizes = places.map((where) => arms.find((arm) => arm.where === where)!.size)
  const names: Readonly<Record<string, string>> = { pcpus: 'pCPUs', vms: 'VMs', vcpus: 'vCPUs of each VM' }
  const varying = Object.keys(sizes[0]!).filter((key) => new Set(sizes.map((size) => size[key])).size > 1)
  // On bare metal each pCPU is a vCPU.
  const [one, other] = varying
  if (
    one !== undefined &&
    (other === undefined || (one === 'pcpus' && other === 'vcpus' && varying.length === 2))
  )
    return {
      name: names[one] ?? one,
      of: sizes.map((size) => String(size[one])),
      short: (i: number) => counted(sizes[i]![one]!, (names[one] ?? one).split(' ')[0]!),
    }
  return { name: '', of: [...places], short: (i: number) => places[i]! }
}

/** `1 VM`, `2 VMs`. */
function counted(count: number, plural: string): string {
  return `${count} ${count === 1 ? plural.replace(/(?<=ss)es$|s$/, '') : plural}`
}

/** Powers of ten around all latencies. */
function logRange(arms: readonly BenchArm[]) {
  const all = arms.flatMap(({ flush }) => [flush.p50, flush.p99, flush.max]).filter((value) => value > 0)
  const low = Math.floor(Math.log10(Math.min(...all, 1)))
  const high = Math.ceil(Math.log10(Math.max(...all, 1.01)))
  return { min: 10 ** low, max: 10 ** high }
}
