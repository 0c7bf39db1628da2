/** Plot of `bench kernbench`: elapsed, user and system time of each load, columns side by side, with the thread's figures. */
import { alone } from '../simulate/kernbench.ts'
import type { FigureName } from '../simulate/kernbench-hosts.ts'
import type { KernbenchPlace } from './kernbench-text.ts'
import {
  AXIS,
  type Box,
  colour,
  drawSvg,
  FONT,
  heading,
  INK,
  stackSvgs,
  tick,
  whiskers,
} from './plot-parts.ts'

const WIDTH = 960
const PANEL = 220
const LEFT = 92
const RIGHT = 28
const TOP = 108
const BETWEEN = 84

const PANELS: readonly {
  readonly figure: Extract<FigureName, 'elapsed' | 'user' | 'system'>
  readonly title: string
}[] = [
  { figure: 'elapsed', title: 'elapsed time' },
  { figure: 'user', title: 'user time' },
  { figure: 'system', title: 'system time' },
]

const HEIGHT = TOP + PANELS.length * (PANEL + BETWEEN)

/** All hosts, one below the other. */
export function kernbenchSvg(places: readonly KernbenchPlace[]): string {
  const svgs = places.map(hostSvg)
  if (svgs.length === 1) return svgs[0]!
  const sizes = places.map(({ cpus }) => cpus).join(', ')
  const drawings = svgs.map((svg) => ({ svg, height: HEIGHT }))
  return stackSvgs(WIDTH, `kernbench on ${sizes} CPUs: elapsed, user and system time`, drawings)
}

function hostSvg(place: KernbenchPlace): string {
  const { groups, columns, cpus, runs } = place
  const boxes = PANELS.map((_, panel) => boxOf(panel))
  const names = columns.map(({ name }) => name)
  const titles = groups.map(({ title }) => title)
  const published = publishedPoints(place)
  return drawSvg(WIDTH, HEIGHT, `kernbench on ${cpus} CPUs: elapsed, user and system time`, {
    title: {
      text: `kernbench, ${cpus} CPUs (${place.place})`,
      subtext: `bars: mean of ${runs} runs of each load alone; error bars: standard deviation between runs`,
      left: 'center',
      top: 8,
      textStyle: { fontSize: 17, color: INK },
      subtextStyle: { fontSize: 13, color: INK },
    },
    legend: {
      top: TOP - 50,
      right: RIGHT,
      data: [...names, ...(published.length > 0 ? [THREAD] : [])],
      textStyle: { fontSize: 13, color: INK, fontFamily: FONT },
    },
    grid: boxes.map(({ left, top, width, height }) => ({ left, top, width, height })),
    graphic: PANELS.map(({ title }, panel) => heading(title, boxes[panel]!)),
    xAxis: PANELS.map((_, gridIndex) => ({
      gridIndex,
      type: 'value',
      min: -0.5,
      max: groups.length - 0.5,
      interval: 0.5,
      ...AXIS,
      axisTick: { show: false },
      axisLabel: { ...AXIS.axisLabel, formatter: (at: number) => titles[at] ?? '' },
      splitLine: { show: false },
    })),
    yAxis: PANELS.map((_, gridIndex) => ({
      gridIndex,
      type: 'value',
      min: 0,
      name: 'seconds',
      nameLocation: 'middle',
      nameGap: 56,
      ...AXIS,
      axisLabel: { ...AXIS.axisLabel, formatter: tick },
    })),
    series: [
      ...PANELS.flatMap(({ figure }, panel) =>
        columns.flatMap((column, i) => {
          const own = groups.map((_, g) => alone(column.runs[g]!)[figure])
          const at = (g: number) => g + offset(i, columns.length)
          return [
            bar(
              panel,
              column.name,
              own.map(({ mean }, g) => [at(g), mean]),
              columns.length,
              colour(i),
            ),
            whiskers(
              panel,
              own.map(({ mean, sd }, g) => [at(g), { value: mean, low: mean - sd, high: mean + sd }]),
              INK,
            ),
          ]
        }),
      ),
      ...published.map(({ panel, data }) => ({
        type: 'scatter' as const,
        name: THREAD,
        xAxisIndex: panel,
        yAxisIndex: panel,
        symbol: 'emptyDiamond',
        symbolSize: 12,
        z: 6,
        itemStyle: { color: INK },
        data,
      })),
    ],
  })
}

const THREAD = 'measured in the thread'

function boxOf(panel: number): Box {
  return { left: LEFT, top: TOP + panel * (PANEL + BETWEEN), width: WIDTH - LEFT - RIGHT, height: PANEL }
}

/** Where a column's bar stands beside the middle of its load. */
function offset(i: number, columns: number): number {
  return (0.7 * (i - (columns - 1) / 2)) / columns
}

/** Bars as rectangles of the plane: several columns at one load do not overlap. */
function bar(
  panel: number,
  name: string,
  data: readonly (readonly number[])[],
  columns: number,
  fill: string,
) {
  return {
    type: 'custom' as const,
    name,
    xAxisIndex: panel,
    yAxisIndex: panel,
    color: fill,
    itemStyle: { color: fill },
    data: data.map((point) => [...point]),
    encode: { x: 0, y: 1 },
    renderItem: (
      _: unknown,
      api: { value(i: number): unknown; coord(point: readonly number[]): number[] },
    ) => {
      const x = Number(api.value(0))
      const half = 0.3 / columns
      const [left, top] = api.coord([x - half, Number(api.value(1))]) as [number, number]
      const [right, bottom] = api.coord([x + half, 0]) as [number, number]
      return {
        type: 'rect' as const,
        shape: { x: left, y: top, width: right - left, height: bottom - top },
        style: { fill },
      }
    },
  }
}

/** The thread's two columns, where their figures are of one group alone: user and system time of the half load only. */
function publishedPoints({ model, groups, columns }: KernbenchPlace) {
  const host = model.published
  if (host === undefined) return []
  return PANELS.map(({ figure }, panel) => ({
    panel,
    data: columns.flatMap(({ name }, i) => {
      const column = name === 'CURRENT' ? host.current : name === 'HAVE_RCU_TABLE_FREE' ? host.rcu : undefined
      return groups.flatMap(({ load }, g) => {
        if (column === undefined || load === 'single' || load === 'maximal') return []
        if (load !== 'half' && figure !== 'elapsed') return []
        return [[g + offset(i, columns.length), column[load][figure].mean]]
      })
    }),
  })).filter(({ data }) => data.length > 0)
}
