/** The table of page-table shapes: the published model's verdicts beside ours. */
import { runPageTables } from './run.ts'
import { PAGE_TABLE_SHAPES, type PageTableShape } from './shapes.ts'

export interface PageTableRow {
  readonly shape: PageTableShape
  /** Remote INVLPGs wait for the IPI of the CPU that has changed the mapping, as the published model assumes. */
  readonly byIpi: boolean
  /** They may come at any time, also before the change. */
  readonly unordered: boolean
}

/** Why we differ, by name; nothing else may differ. */
const REASONS: ReadonlyMap<string, string> = new Map([
  [
    'mrf1',
    'published: every WPTE has its INVLPG, by well-formedness; ours: without one, a stale entry may be used',
  ],
  ['ipi4', 'only without the IPI: an INVLPG that comes before the change invalidates nothing'],
  ['ipi8', 'only without the IPI: an INVLPG that comes before the change invalidates nothing'],
])

export function pageTableRows(memoryModel: 'tso' | 'sc' = 'tso'): PageTableRow[] {
  return PAGE_TABLE_SHAPES.map((shape) => ({
    shape,
    byIpi: runPageTables(shape, 'by IPI', memoryModel).reachable,
    unordered: runPageTables(shape, 'unordered', memoryModel).reachable,
  }))
}

/** Whether a row is as published where it should be, and differs only where and as the reasons say. */
export function isAsDocumented({ shape, byIpi, unordered }: PageTableRow): boolean {
  const published = shape.published === 'permitted'
  if (shape.name === 'mrf1') return byIpi && unordered
  return byIpi === published && (unordered === published || REASONS.has(shape.name))
}

/** Markdown, and readable as it is. */
export function formatPageTables(rows: readonly PageTableRow[]): string {
  const word = (reachable: boolean) => (reachable ? 'permitted' : 'forbidden')
  const lines = [
    ['name', 'program', 'outcome', 'published', 'ours', 'ours, no IPI', 'why'],
    ...rows.map(({ shape, byIpi, unordered }) => {
      const differs = word(byIpi) !== shape.published || word(unordered) !== shape.published
      return [
        shape.name,
        `\`${shape.threads.replaceAll(' || ', ' ∥ ')}\``,
        `\`${shape.outcome}\``,
        shape.published,
        word(byIpi),
        word(unordered),
        differs ? (REASONS.get(shape.name) ?? 'not explained') : '',
      ]
    }),
  ]
  const widths = (lines[0] as string[]).map((_, i) =>
    Math.max(...lines.map((line) => (line[i] as string).length)),
  )
  const text = lines.map(
    (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i] as number)).join(' | ')} |`,
  )
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [text[0], rule, ...text.slice(1)].join('\n')
}
