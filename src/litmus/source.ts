/** The text of one file, and errors that say where in it something is wrong. */
import { UsageError } from '../core/errors.ts'

export class Source {
  readonly file: string
  /** As it was read. */
  readonly original: string
  /** The same length and lines, with comments blanked out. */
  readonly text: string

  constructor(file: string, original: string) {
    this.file = file
    this.original = original
    this.text = this.withoutComments()
  }

  /** One line: `file:line: message`. */
  fail(offset: number, message: string): never {
    throw new UsageError(`${this.file}:${this.line(offset)}: ${oneLine(message)}`)
  }

  private line(offset: number): number {
    let line = 1
    const end = Math.min(offset, this.original.length)
    for (
      let at = this.original.indexOf('\n');
      at >= 0 && at < end;
      at = this.original.indexOf('\n', at + 1)
    ) {
      line++
    }
    return line
  }

  /** Comments are `(* ... *)`, and nest. */
  private withoutComments(): string {
    const text = this.original
    let out = ''
    let kept = 0
    for (let at = text.indexOf('(*'); at >= 0; at = text.indexOf('(*', kept)) {
      const end = this.commentEnd(at)
      out += text.slice(kept, at) + text.slice(at, end).replace(/[^\n]/g, ' ')
      kept = end
    }
    return kept === 0 ? text : out + text.slice(kept)
  }

  private commentEnd(start: number): number {
    const text = this.original
    const mark = /\(\*|\*\)/g
    mark.lastIndex = start
    for (let depth = 0, found = mark.exec(text); found !== null; found = mark.exec(text)) {
      depth += found[0] === '(*' ? 1 : -1
      if (depth === 0) return mark.lastIndex
    }
    return this.fail(start, 'a comment is not closed: *) is missing')
  }
}

const LONGEST = 200

/** What is quoted from a file may hold anything. */
function oneLine(message: string): string {
  const line = message.replace(/[\s\p{Cc}]+/gu, ' ')
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line
}
