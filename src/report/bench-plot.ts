/** Plots of sweeps as SVG, drawn by ECharts on the server side: a well-kept library that needs no browser. */
import * as echarts from 'echarts'
import type { BenchArm } from './bench-text.ts'

/** Colours that colour-blind readers tell apart (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#999999']

interface Drawing {
  readonly title: string
  readonly unit: string
  /** What the horizontal axis is: the machines of a sweep. */
  readonly arms: readonly BenchArm[]
}

/** One line (or bar) per arm over the machines, with 95 % intervals, and below it where the time went. */
export function benchSvg({ title, unit, arms }: Drawing): string {
  const places = [...new Set(arms.map((arm) => arm.where))]
  const names = [...new Set(arms.map((arm) => arm.name))]
  const find = (name: string, where: string) => arms.find((arm) => arm.name === name && arm.where === where)
  const single = places.length === 1
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 480 })
  chart.setOption({
    animation: false,
    color: COLOURS,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'Helvetica, Arial, sans-serif' },
    title: { text: title, subtext: single ? places[0] : '95 % intervals over seeds', left: 'center' },
    legend: { bottom: 8, data: [...names] },
    grid: { left: 90, right: 30, top: 80, bottom: 80 },
    xAxis: { type: 'category', data: places, axisTick: { alignWithLabel: true } },
    yAxis: { type: 'value', name: `${unit}s per second`, min: 0, nameLocation: 'middle', nameGap: 65 },
    series: names.flatMap((name, i) => {
      const values = places.map((where) => find(name, where)?.rate.value ?? null)
      const bounds = places.map((where, x) => {
        const rate = find(name, where)?.rate
        return [x, (rate?.value ?? 0) - (rate?.plusMinus ?? 0), (rate?.value ?? 0) + (rate?.plusMinus ?? 0)]
      })
      const main = single
        ? { type: 'bar' as const, name, data: values, barMaxWidth: 60 }
        : { type: 'line' as const, name, data: values, symbolSize: 7 }
      return single ? [main] : [main, whiskers(name, bounds, COLOURS[i % COLOURS.length]!)]
    }),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

function whiskers(name: string, bounds: readonly (readonly number[])[], colour: string) {
  return {
    type: 'custom' as const,
    name,
    silent: true,
    data: bounds.map((bound) => [...bound]),
    renderItem: (
      _: unknown,
      api: { value(i: number): unknown; coord(point: readonly number[]): number[] },
    ) => {
      const x = Number(api.value(0))
      const low = api.coord([x, Number(api.value(1))])
      const high = api.coord([x, Number(api.value(2))])
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        type: 'line' as const,
        shape: { x1, y1, x2, y2 },
        style: { stroke: colour, lineWidth: 1.5 },
      })
      const [a, b] = low as [number, number]
      const [, c] = high as [number, number]
      return {
        type: 'group' as const,
        children: [line(a, b, a, c), line(a - 4, b, a + 4, b), line(a - 4, c, a + 4, c)],
      }
    },
  }
}
