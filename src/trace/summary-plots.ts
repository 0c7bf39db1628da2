import simpleAsciiChart from 'simple-ascii-chart'
import type { Style } from '../report/style.ts'
import { bar, columns, percent } from './columns.ts'
import { FLUSH_REASONS, type FlushReason } from './events.ts'
import { CLASS_NAMES } from './page-counts.ts'
import type { Summary } from './summary.ts'

const PLOT_WIDTH = 40

/** Bars: sizes of the flushes sent and of the local ones. */
export function sizePlot(summary: Summary, style: Style): string {
  const plots = [4, 3].flatMap((reason) => {
    const counts = summary.flushes[reason as FlushReason]
    if (counts.total === 0) return []
    const rows = counts.classes().map((n, i) => {
      const share = n / counts.total
      return [CLASS_NAMES[i]!, percent(n, counts.total), bar(share, PLOT_WIDTH, style).padEnd(PLOT_WIDTH)]
    })
    const title = style.bold(`Pages per flush: ${FLUSH_REASONS[reason as FlushReason]}`)
    return [`${title}\n${columns(['pages', '%', ''], rows, style)}`]
  })
  return plots.join('\n\n')
}

const CHART_WIDTH = 64

/** Box-drawing characters of the curve, and what stands for them on other terminals; all else is a corner. */
const ASCII = new Map([...'━─┃│┤▲▶'].map((symbol, i) => [symbol, '--|||^>'[i] ?? '+']))

/** A curve: flushes over the time of the recording. */
export function ratePlot(summary: Summary, style: Style): string {
  const counts = summary.rate.counts()
  if (counts.length < 2) return ''
  const unit = summary.decoder.clock === 'us' ? 1e6 : 1e9
  const width = summary.rate.width / unit
  const points = counts.map((n, i): [number, number] => [i * width, n])
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (counts.length - 1)) * width)
  const chart = simpleAsciiChart(points, {
    width: CHART_WIDTH,
    height: 8,
    customXAxisTicks: ticks,
    formatter: (value) => String(Number(Number(value).toFixed(1))),
  })
  const axis = summary.decoder.clock === 'us' ? 'seconds' : 'billions of cycles'
  const drawn = style.ascii ? chart.replaceAll(/[^ -~\n]/g, (symbol) => ASCII.get(symbol) ?? '+') : chart
  const lines = drawn.split('\n').map((line) => `  ${line}`.trimEnd())
  const title = style.bold(`Flushes over time (${axis}), local and sent, in ${counts.length} equal steps`)
  return [title, ...lines.filter((line) => line !== '')].join('\n')
}
