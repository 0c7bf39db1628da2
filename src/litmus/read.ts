/** Reads a test in herd's format: header, initial state between braces, columns of code, condition. */
import type { Instruction, LitmusTest, MemoryModel, Observation, Thread } from './ast.ts'
import { parseEnding } from './condition.ts'
import { parseInitial } from './initial.ts'
import { parseInstruction } from './instructions.ts'
import { Source } from './source.ts'

const HEADER =
  /^\s*(?<architecture>\w+)[ \t]+(?<name>[^\s("{;]+)[ \t]*(?:\([^)\n]*\))?\s*(?:"(?<description>[^"]*)")?[ \t]*;?/
const KEY = /^[ \t]*(?<key>[A-Za-z][\w/.-]*)[ \t]*=[ \t]*(?<value>.*?)[ \t\r]*$/
const ENDING =
  /\b(?:final|forall|exists|cases|observed|Observed|locations|filter)\b|~\s*exists\b|\bnot\s+exists\b/g
/** `Result: Never` as Linux writes it, in a comment or an info line; `Result under SC: Never` is ours. */
const RESULT =
  /^[ \t]*(?:\(?\*+)?[ \t]*Result(?: under (?<model>TSO|SC))?[ \t]*[:=][ \t]*(?<result>Never|Sometimes|Always)\b/gm
/** More threads than this do not fit the explorer's masks. */
const MAX_THREADS = 15

/**
 * Reads one test.
 *
 * @param file - its name, for messages
 * @throws UsageError `file:line: what is wrong`
 */
export function readLitmus(file: string, text: string): LitmusTest {
  const source = new Source(file, text)
  const header = HEADER.exec(source.text)
  const { architecture, name, description = '' } = header?.groups ?? {}
  if (header === null || architecture === undefined || name === undefined) {
    return source.fail(0, 'not a litmus test: the first line should be "X86_64 NAME"')
  }
  if (architecture !== 'X86_64') {
    source.fail(header.index, `a test for ${architecture}; only X86_64 is supported`)
  }
  const start = header.index + header[0].length
  const open = source.text.indexOf('{', start)
  if (open < 0) source.fail(start, 'the initial state is missing: { ... }')
  const close = closing(source, open)
  const info = new Map(infoLines(source.text.slice(start, open)))
  const ending = endOfCode(source.text, close + 1)
  const threads = parseCode(source, close + 1, ending)
  return {
    file,
    name: name === '--' ? baseName(file) : name,
    description,
    info,
    initial: parseInitial(source, open + 1, close),
    threads,
    ...parseEnding(source, ending, lastOf(source.text, ending)),
    documented: documentedIn(source.original),
    fail: (offset, message) => source.fail(offset, message),
  }
}

function documentedIn(text: string): Map<MemoryModel, Observation> {
  const found = new Map<MemoryModel, Observation>()
  for (const { groups } of text.matchAll(RESULT)) {
    found.set(groups?.model === 'SC' ? 'sc' : 'tso', groups?.result as Observation)
  }
  return found
}

function baseName(file: string): string {
  return (file.split(/[\\/]/).at(-1) ?? file).replace(/\.litmus$/, '')
}

/** The brace that closes the initial state; arrays have braces of their own. */
function closing(source: Source, open: number): number {
  for (let at = open, depth = 0; at < source.text.length; at++) {
    if (source.text[at] === '{') depth++
    else if (source.text[at] === '}' && --depth === 0) return at
  }
  return source.fail(open, 'the initial state is not closed: } is missing')
}

function* infoLines(text: string): Iterable<[string, string]> {
  for (const line of text.split('\n')) {
    const { key, value } = KEY.exec(line)?.groups ?? {}
    if (key !== undefined) yield [key, value ?? '']
  }
}

function endOfCode(text: string, start: number): number {
  ENDING.lastIndex = start
  return ENDING.exec(text)?.index ?? text.length
}

/** What follows `<<` is not for us. */
function lastOf(text: string, start: number): number {
  const mark = text.indexOf('<<', start)
  return mark < 0 ? text.length : mark
}

/** Columns: `P0 | P1 ;`, then one instruction a row. */
function parseCode(source: Source, start: number, end: number): Thread[] {
  // `lock; incl (x)` is one instruction.
  const code = source.text.slice(start, end).replace(/\block(\s*);/gi, (_, space: string) => `lock${space} `)
  const rows = rowsOf(code, start)
  // herd's grammar has room for a semicolon before the headings.
  if (rows[0]?.length === 1 && rows[0][0]?.text === '') rows.shift()
  const head = rows.shift()
  if (head === undefined) return source.fail(start, 'the code is missing: "P0 | P1 ;"')
  for (const [i, { text, offset }] of head.entries()) {
    if (text !== `P${i}`) source.fail(offset, `the heading of column ${i + 1} should be P${i}, not "${text}"`)
  }
  if (head.length > MAX_THREADS)
    source.fail(start, `${head.length} threads; at most ${MAX_THREADS} are supported`)
  const columns = head.map(() => new Column())
  for (const row of rows) {
    if (row.length > columns.length) {
      source.fail(
        row[0]?.offset ?? start,
        `a row of ${row.length} columns, but there are ${columns.length} threads`,
      )
    }
    for (const [i, cell] of row.entries()) (columns[i] as Column).add(source, cell)
  }
  return columns.map((column) => column.finish(source))
}

interface Cell {
  readonly text: string
  readonly offset: number
}

function rowsOf(code: string, start: number): Cell[][] {
  const rows: Cell[][] = []
  let at = 0
  for (const line of code.split(';')) {
    const cells: Cell[] = []
    for (const part of line.split('|')) {
      const blank = part.length - part.trimStart().length
      cells.push({ text: part.trim(), offset: start + at + blank })
      at += part.length + 1
    }
    rows.push(cells)
  }
  // After the last semicolon nothing is left; a last row without one is taken all the same.
  if (rows.at(-1)?.every(({ text }) => text === '')) rows.pop()
  return rows
}

class Column {
  private readonly instructions: Instruction[] = []
  private readonly labels = new Map<string, number>()

  add(source: Source, { text, offset }: Cell): void {
    let rest = text
    let at = offset
    for (;;) {
      const label = /^([A-Za-z_.][\w.$]*)\s*:\s*/.exec(rest)
      if (label === null) break
      const name = label[1] as string
      if (this.labels.has(name)) source.fail(at, `the label ${name} stands here twice`)
      this.labels.set(name, this.instructions.length)
      rest = rest.slice(label[0].length)
      at += label[0].length
    }
    if (rest !== '') this.instructions.push(parseInstruction(source, rest, at))
  }

  finish(source: Source): Thread {
    for (const instruction of this.instructions) {
      if (instruction.is === 'jump' && !this.labels.has(instruction.label)) {
        source.fail(instruction.offset, `there is no label ${instruction.label} in this thread`)
      }
    }
    return { instructions: this.instructions, labels: this.labels }
  }
}
