/** Pieces of plots: colours, fonts, axes, error bars. ECharts draws them as SVG on the server side and needs no browser. */
import * as echarts from 'echarts'

/** Colours that colour-blind readers tell apart (Okabe and Ito). */
export const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#000000',
  '#999999',
] as const

export function colour(i: number): string {
  return COLOURS[i % COLOURS.length]!
}

export const FONT = 'Helvetica, Arial, Liberation Sans, sans-serif'
export const INK = '#222222'
const RULE = '#dddddd'

/** Pixels of a glyph of 13 px text, about: for margins that depend on labels. */
const GLYPH = 7

export function textWidth(text: string): number {
  return GLYPH * text.length
}

/** Numbers on axes: `250k`, `1.5M`, `0.01`. */
export function tick(value: number): string {
  const scale = Math.abs(value)
  if (scale >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (scale >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}

/** A value with the ends of its interval. */
export interface Bounded {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** A place in the drawing, in pixels. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export const AXIS = {
  axisLabel: { fontSize: 13, color: INK, fontFamily: FONT },
  nameTextStyle: { fontSize: 13, color: INK, fontFamily: FONT },
  axisLine: { show: true, onZero: false, lineStyle: { color: INK } },
  axisTick: { show: true, lineStyle: { color: INK } },
  splitLine: { lineStyle: { color: RULE } },
}

/** A panel's heading. */
export function heading(text: string, { left, top }: Box) {
  return {
    type: 'text' as const,
    left,
    top: top - 26,
    style: { text, font: `bold 14px ${FONT}`, fill: INK },
  }
}

/** Error bars at categories or values of a panel's horizontal axis. */
export function whiskers(
  panel: number,
  points: readonly (readonly [number, Bounded | undefined])[],
  stroke: string,
) {
  return {
    type: 'custom' as const,
    xAxisIndex: panel,
    yAxisIndex: panel,
    silent: true,
    z: 5,
    clip: true,
    data: points.flatMap(([x, point]) =>
      point === undefined || point.high <= point.low ? [] : [[x, point.low, point.high]],
    ),
    encode: { x: 0, y: [1, 2] },
    renderItem: (
      _: unknown,
      api: { value(i: number): unknown; coord(point: readonly number[]): number[] },
    ) => {
      const x = Number(api.value(0))
      const [at, bottom] = api.coord([x, Number(api.value(1))]) as [number, number]
      const [, top] = api.coord([x, Number(api.value(2))]) as [number, number]
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        type: 'line' as const,
        shape: { x1, y1, x2, y2 },
        style: { stroke, lineWidth: 1.5 },
      })
      return {
        type: 'group' as const,
        children: [
          line(at, bottom, at, top),
          line(at - 5, bottom, at + 5, bottom),
          line(at - 5, top, at + 5, top),
        ],
      }
    },
  }
}

/**
 * Draws an option of ECharts.
 *
 * @param alternative - what the figure shows, for those who do not see it
 */
export function drawSvg(
  width: number,
  height: number,
  alternative: string,
  option: echarts.EChartsCoreOption,
): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT, color: INK },
    ...option,
  })
  // A figure for paper: rules for the mouse would only be in the way of other programs that read it.
  const svg = chart
    .renderToSVGString()
    .replace(/<style[^>]*>[\s\S]*?<\/style>/g, '')
    .replace(/ class="[^"]*"/g, '')
  chart.dispose()
  return svg.replace(/^<svg[^>]*>/, (open) => `${open}\n<title>${escaped(alternative)}</title>`)
}

/** Drawings of equal width below each other. */
export function stackSvgs(
  width: number,
  alternative: string,
  drawings: readonly { readonly svg: string; readonly height: number }[],
): string {
  let top = 0
  const parts = drawings.map(({ svg, height }) => {
    const part = svg.replace(/^<svg /, `<svg y="${top}" `)
    top += height
    return part
  })
  const size = `width="${width}" height="${top}" viewBox="0 0 ${width} ${top}"`
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>`
  return [open, `<title>${escaped(alternative)}</title>`, ...parts, '</svg>'].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
