/** Verdicts of many cells as tables: the options that vary are the axes. */
import Table from 'cli-table3'
import type { SearchCounts } from '../explore/verdict.ts'
import type { ScenarioOptions } from '../scenarios/scenario.ts'
import { describeOption, describeOptions, OPTION_FLAGS, OPTION_NAMES } from './options-text.ts'
import { agreement, type CheckResult } from './result.ts'
import type { Style } from './style.ts'
import { counted } from './verdict-text.ts'
import { wrap } from './wrap.ts'

type Option = keyof ScenarioOptions

const ASCII_FRAME = {
  top: '-',
  'top-mid': '+',
  'top-left': '+',
  'top-right': '+',
  bottom: '-',
  'bottom-mid': '+',
  'bottom-left': '+',
  'bottom-right': '+',
  left: '|',
  'left-mid': '+',
  mid: '-',
  'mid-mid': '+',
  right: '|',
  'right-mid': '+',
  middle: '|',
}

/** With more columns than this, a property takes two lines. */
const WIDE_COLUMNS = 3
const NARROW_PROPERTY = 14

/** What a cell says: the verdict, the property that is lost, how many states were searched. */
function cellText(result: CheckResult | undefined, style: Style, columns: number): string {
  if (result === undefined) return ''
  const { verdict } = result
  const states = style.dim(sizeText(verdict.counts))
  const wrong = agreement(result) === 'not as documented'
  const note = wrong ? [style.warn(`documented: ${result.expected?.verdict}`)] : []
  switch (verdict.verdict) {
    case 'safe':
      return [style.good('safe'), states, ...note].join('\n')
    case 'unsafe':
      return [
        style.bad('UNSAFE'),
        ...wrap(verdict.property, columns > WIDE_COLUMNS ? NARROW_PROPERTY : style.width, 0),
        states,
        ...note,
      ].join('\n')
    case 'inconclusive':
      return [style.warn('inconclusive'), states, ...note].join('\n')
  }
}

function sizeText({ states, traces, executions }: SearchCounts): string {
  if (traces !== undefined) return counted(traces.complete + traces.incomplete, 'trace')
  return executions === undefined ? counted(states, 'state') : counted(executions, 'execution')
}

function valuesOf(results: readonly CheckResult[], option: Option): readonly unknown[] {
  return [...new Set(results.map((result) => result.options[option]))]
}

/** The options that differ between results of a scenario that takes notice of them. */
function varying(results: readonly CheckResult[]): readonly Option[] {
  return OPTION_NAMES.filter(
    (option) =>
      results.every((result) => result.uses.includes(option)) && valuesOf(results, option).length > 1,
  )
}

function draw(head: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: false },
    ...(style.ascii ? { chars: ASCII_FRAME } : {}),
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}

/** One table: `rows` down, `across` to the right. */
function grid(results: readonly CheckResult[], down: Option, across: Option, style: Style): string {
  const rowsOf = valuesOf(results, down)
  const columnsOf = valuesOf(results, across)
  const first = results[0] as CheckResult
  const named = (option: Option, value: unknown) =>
    style.bold(describeOption(option, { ...first.options, [option]: value }))
  const cells = rowsOf.map((row) => [
    named(down, row),
    ...columnsOf.map((column) =>
      cellText(
        results.find((result) => result.options[down] === row && result.options[across] === column),
        style,
        columnsOf.length,
      ),
    ),
  ])
  return draw(['', ...columnsOf.map((column) => named(across, column))], cells, style)
}

/** One option that varies: its values down, the verdicts beside them. */
function column(results: readonly CheckResult[], down: Option, style: Style): string {
  const rows = results.map((result) => [
    style.bold(describeOption(down, result.options)),
    cellText(result, style, 1),
  ])
  const head = OPTION_FLAGS[down].slice(2).replace('-', ' ')
  return draw([head, 'verdict'].map(style.bold), rows, style)
}

function list(results: readonly CheckResult[], style: Style): string {
  const rows = results.map((result) => [style.bold(result.scenario), cellText(result, style, 1)])
  return draw(['scenario', 'verdict'].map(style.bold), rows, style)
}

function groupBy(
  results: readonly CheckResult[],
  key: (result: CheckResult) => string,
): readonly CheckResult[][] {
  const groups = new Map<string, CheckResult[]>()
  for (const result of results) {
    const group = groups.get(key(result))
    if (group === undefined) groups.set(key(result), [result])
    else group.push(result)
  }
  return [...groups.values()]
}

/** What is the same for all results of a table: its caption. */
function caption(results: readonly CheckResult[], axes: readonly Option[], style: Style): string {
  const first = results[0] as CheckResult
  const fixed = describeOptions(first.options, first, axes)
  return `${style.bold(first.scenario)}: ${first.title}${fixed === '' ? '' : `\n${style.dim(fixed)}`}`
}

/** Tables of verdicts: one for each scenario, split further where more than two options vary. */
export function formatTables(results: readonly CheckResult[], style: Style): string {
  const scenarios = groupBy(results, (result) => `${result.file ?? ''} ${result.scenario}`)
  const single = scenarios.filter((group) => group.length === 1).flat()
  const tables = scenarios.filter((group) => group.length > 1).flatMap((group) => tablesOf(group, style))
  if (single.length === 1 && tables.length === 0) return list(single, style)
  return [...tables, ...(single.length > 0 ? [list(single, style)] : [])].join('\n\n')
}

function tablesOf(results: readonly CheckResult[], style: Style): readonly string[] {
  const [down, across, ...others] = varying(results)
  if (down === undefined) return [`${caption(results, [], style)}\n${list(results, style)}`]
  if (across === undefined) return [`${caption(results, [down], style)}\n${column(results, down, style)}`]
  return groupBy(results, (result) => others.map((option) => String(result.options[option])).join()).map(
    (group) => `${caption(group, [down, across], style)}\n${grid(group, down, across, style)}`,
  )
}
