/**
 * Lays a diagram out in a given width: a column for each CPU, and the facts in the last one. There is one step a line, so
 * a text that is wider than its column runs on over the columns to its right; with many CPUs most of them do.
 */
import type { Diagram, DiagramRow } from './diagram.ts'
import type { Paint, Style } from './style.ts'
import { wrap } from './wrap.ts'

/** Space between two columns. */
const GAP = 2
/** Below this, a column of its own is worse to read than overlapping ones. */
const NARROWEST = 20
/** The bar that shows IF=0, and the indent of a step under its function. */
const BAR = 1
const STEP_INDENT = 2

interface Column {
  readonly heading: string
  readonly start: number
}

interface Layout {
  readonly columns: readonly Column[]
  /** The facts' own column; without one they stand on lines of their own below the step. */
  readonly facts: Column | undefined
}

/** A piece of text at a place in a line. */
interface Piece {
  readonly at: number
  readonly text: string
  readonly paint?: Paint
}

/** What stands beside a row: its facts, and the mark of the violation. */
function besideOf(row: DiagramRow, style: Style, property: string): readonly string[] {
  return row.violates ? [...row.facts, `${style.here} ${property}`] : row.facts
}

/** Widths of columns that together fit into `room`: the widest give way first. */
function shrink(natural: readonly number[], room: number): readonly number[] | undefined {
  const total = (cap: number) => natural.reduce((sum, width) => sum + Math.min(width, cap), 0)
  let cap = Math.max(...natural)
  while (cap > NARROWEST && total(cap) > room) cap -= 1
  return total(cap) > room ? undefined : natural.map((width) => Math.min(width, cap))
}

function planLayout(diagram: Diagram, style: Style, property: string): Layout {
  const beside = diagram.rows.flatMap((row) => besideOf(row, style, property))
  const natural = diagram.columns.map((heading, column) =>
    diagram.rows
      .filter((row) => row.column === column && row.kind === 'step')
      .reduce((width, row) => Math.max(width, BAR + STEP_INDENT + row.text.length), BAR + heading.length),
  )
  const factsWidth = beside.reduce((width, fact) => Math.max(width, fact.length), 0)
  const widths = shrink([...natural, factsWidth], style.width - GAP * natural.length)
  if (widths !== undefined) return spread(diagram, widths)
  const withoutFacts = shrink(natural, style.width - GAP * (natural.length - 1))
  if (withoutFacts !== undefined) return { ...spread(diagram, [...withoutFacts, 0]), facts: undefined }
  return overlap(diagram, style.width)
}

function spread(diagram: Diagram, widths: readonly number[]): Layout {
  let start = 0
  const columns: Column[] = []
  for (const [index, heading] of [...diagram.columns, ''].entries()) {
    const width = widths[index] ?? 0
    columns.push({ heading, start })
    start += width + GAP
  }
  const facts = columns.pop()
  return { columns, facts }
}

/** Columns so narrow that only their headings fit. */
function overlap(diagram: Diagram, width: number): Layout {
  const count = diagram.columns.length
  const step = Math.floor((width - 2 * NARROWEST) / Math.max(1, count - 1))
  const columns = diagram.columns.map((name, index) => {
    const room = index === count - 1 ? width : step - GAP
    const heading = name.length > room ? 'host' : name
    return { heading, start: index * step }
  })
  return { columns, facts: undefined }
}

/** Puts pieces on one line. Pieces that would overlap an earlier one in the list are left out (bars give way to text). */
function line(pieces: readonly Piece[]): string {
  const taken: Piece[] = []
  for (const piece of pieces) {
    if (piece.text === '') continue
    const free = taken.every((t) => piece.at + piece.text.length <= t.at || piece.at >= t.at + t.text.length)
    if (free) taken.push(piece)
  }
  let out = ''
  let column = 0
  for (const { at, text, paint } of taken.sort((a, b) => a.at - b.at)) {
    out += ' '.repeat(at - column) + (paint === undefined ? text : paint(text))
    column = at + text.length
  }
  return out
}

function heading(layout: Layout, style: Style): readonly string[] {
  const names = layout.columns.map((c) => ({ at: c.start + BAR, text: c.heading, paint: style.bold }))
  const dashes = layout.columns.map((c) => ({ at: c.start + BAR, text: style.dash.repeat(c.heading.length) }))
  return [line(names), line(dashes)]
}

function layRow(row: DiagramRow, layout: Layout, style: Style, property: string): readonly string[] {
  if (row.kind === 'note') {
    const note = ` ${row.text} `
    const rest = Math.max(0, (layout.columns.at(-1)?.start ?? 0) + 2 * NARROWEST - note.length)
    return [
      style.bold(
        ` ${style.dash}${style.dash}${note}${style.dash.repeat(Math.min(rest, style.width - note.length - 3))}`,
      ),
    ]
  }
  const column = layout.columns[row.column] as Column
  const bars = layout.columns.flatMap((c, index) => {
    return row.masked[index] === true ? [{ at: c.start, text: style.bar, paint: style.dim }] : []
  })
  const left = column.start + BAR + (row.kind === 'step' ? STEP_INDENT : 0)
  const paint = row.violates ? style.bad : row.kind === 'function' ? style.bold : undefined
  const piece = (at: number, text: string, how: Paint | undefined): Piece =>
    how === undefined ? { at, text } : { at, text, paint: how }

  const beside = besideOf(row, style, property)
  const end = layout.facts === undefined || beside.length === 0 ? style.width : layout.facts.start - GAP
  const text = wrap(row.text, end - left).map((t) => piece(left, t, paint))
  const markOf = (fact: string) => (fact.startsWith(style.here) ? style.bad : style.dim)
  const facts = layout.facts
  if (facts !== undefined) {
    const notes = beside.flatMap((fact) =>
      wrap(fact, style.width - facts.start).map((t) => piece(facts.start, t, markOf(fact))),
    )
    const count = Math.max(text.length, notes.length)
    return Array.from({ length: count }, (_, i) =>
      line([text[i], notes[i], ...bars].filter((p) => p !== undefined)),
    )
  }
  const below = beside.flatMap((fact) => {
    const shown = fact.startsWith(style.here) ? fact : `[${fact}]`
    const at = Math.min(left + STEP_INDENT, style.width - NARROWEST)
    return wrap(shown, style.width - at).map((t) => piece(at, t, markOf(fact)))
  })
  return [...text, ...below].map((p) => line([p, ...bars]))
}

/** The diagram as lines without trailing blanks, none wider than the style allows. */
export function layDiagram(diagram: Diagram, style: Style, property: string): readonly string[] {
  const layout = planLayout(diagram, style, property)
  const rows = diagram.rows.flatMap((row) => layRow(row, layout, style, property))
  return [...heading(layout, style), ...rows]
}
