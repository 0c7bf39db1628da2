import Table from 'cli-table3'
import type { Style } from '../report/style.ts'

const NO_FRAME = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Rows in aligned columns without a frame: the first to the left, numbers to the right. */
export function columns(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  style: Style,
): string {
  const table = new Table({
    head: head.map(style.bold),
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows.map((row) => row.map(String)))
  const lines = table.toString().split('\n')
  return lines.map((line) => `  ${line}`.trimEnd()).join('\n')
}

/** A share of 0 to 1 in percent with one decimal; a dash where there is nothing to share. */
export function percent(part: number, total: number): string {
  return total === 0 ? '-' : ((100 * part) / total).toFixed(1)
}

/** A bar of at most `width` characters for a share of 0 to 1. */
export function bar(share: number, width: number, style: Style): string {
  return (style.ascii ? '#' : '█').repeat(Math.round(Math.min(1, Math.max(0, share)) * width))
}
