/** The replay as an SVG, drawn by ECharts without a browser: total time against the recorded form, and the time of a flush. */
import * as echarts from 'echarts'
import type { Replayed } from './replay.ts'
import type { PlaceName } from './text.ts'

/** Colours that colour-blind readers tell apart (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#999999']

export function replaySvg(title: string, { arms }: Replayed, placeName: PlaceName): string {
  const places = [...new Set(arms.map(placeName))]
  const names = [...new Set(arms.map(({ flush, free }) => `${flush}, ${free}`))]
  const valuesOf = (place: string, of: (arm: (typeof arms)[number]) => number) =>
    names.map((name) => {
      const arm = arms.find((one) => placeName(one) === place && `${one.flush}, ${one.free}` === name)
      return arm === undefined ? null : Number(of(arm).toPrecision(4))
    })
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 1000, height: 480 })
  const axis = { type: 'category' as const, data: names, axisLabel: { interval: 0, rotate: 30 } }
  const scale = (name: string) => ({
    type: 'value' as const,
    name,
    min: 0,
    nameLocation: 'middle' as const,
    nameGap: 50,
  })
  chart.setOption({
    animation: false,
    color: COLOURS,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'Helvetica, Arial, sans-serif' },
    title: { text: title, left: 'center' },
    legend: { bottom: 4, data: places },
    grid: [
      { left: 80, width: 380, top: 60, bottom: 110 },
      { left: 560, width: 400, top: 60, bottom: 110 },
    ],
    xAxis: [
      { ...axis, gridIndex: 0 },
      { ...axis, gridIndex: 1 },
    ],
    yAxis: [
      { ...scale('total time, ratio to the recorded form'), gridIndex: 0 },
      { ...scale('mean time of a flush, microseconds'), gridIndex: 1 },
    ],
    series: places.flatMap((place) => [
      {
        type: 'bar' as const,
        name: place,
        data: valuesOf(place, (arm) => arm.ratio.value),
        xAxisIndex: 0,
        yAxisIndex: 0,
      },
      {
        type: 'bar' as const,
        name: place,
        data: valuesOf(place, (arm) => arm.perFlush.value),
        xAxisIndex: 1,
        yAxisIndex: 1,
      },
    ]),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
