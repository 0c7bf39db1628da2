/** Words of the initial state and of conditions. */
import type { Source } from './source.ts'

export interface Token {
  readonly kind: 'name' | 'number' | 'symbol' | 'end'
  readonly text: string
  readonly offset: number
}

const PATTERN =
  /\s+|(?<number>-?0[xX][0-9a-fA-F]+|-?\d+)|(?<name>%?[A-Za-z_.$](?:[\w.$-]|\/(?!\\))*)|(?<symbol>\/\\|\\\/|=>|==|!=|<>|[=~;:,&*[\](){}+])|(?<bad>[\s\S])/gy

/** Splits part of a file into words. */
export function tokenize(source: Source, start: number, end: number): Token[] {
  const tokens: Token[] = []
  PATTERN.lastIndex = start
  const { text } = source
  while (PATTERN.lastIndex < end) {
    const offset = PATTERN.lastIndex
    const groups = PATTERN.exec(text)?.groups
    if (groups?.name !== undefined) tokens.push({ kind: 'name', text: groups.name, offset })
    else if (groups?.number !== undefined) tokens.push({ kind: 'number', text: groups.number, offset })
    else if (groups?.symbol !== undefined) tokens.push({ kind: 'symbol', text: groups.symbol, offset })
    else if (groups?.bad !== undefined) source.fail(offset, `what is "${groups.bad}" here?`)
  }
  tokens.push({ kind: 'end', text: 'the end', offset: end })
  return tokens
}

/** Walks along words, and says what it missed. */
export class Words {
  readonly source: Source
  private readonly tokens: readonly Token[]
  private at = 0

  constructor(source: Source, start: number, end: number) {
    this.source = source
    this.tokens = tokenize(source, start, end)
  }

  get next(): Token {
    return this.tokens[this.at] as Token
  }

  /** The word after the next. */
  peek(distance: number): Token {
    return this.tokens[Math.min(this.at + distance, this.tokens.length - 1)] as Token
  }

  get atEnd(): boolean {
    return this.next.kind === 'end'
  }

  take(): Token {
    const token = this.next
    if (token.kind !== 'end') this.at++
    return token
  }

  /** Takes the next word if it is this one. */
  skip(text: string): boolean {
    if (this.next.text !== text || this.next.kind === 'end') return false
    this.at++
    return true
  }

  expect(text: string): void {
    if (!this.skip(text)) this.fail(`${text} expected, not ${this.next.text}`)
  }

  name(what: string): string {
    if (this.next.kind !== 'name') this.fail(`${what} expected, not ${this.next.text}`)
    return this.take().text
  }

  number(what: string): bigint {
    if (this.next.kind !== 'number') this.fail(`${what} expected, not ${this.next.text}`)
    return numberOf(this.take().text)
  }

  fail(message: string): never {
    return this.source.fail(this.next.offset, message)
  }
}

/** `-1`, `0x10`, `-0x10`. */
export function numberOf(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}
