/** The end of a file: `locations [x; 0:rax;]`, `filter p`, and the condition. */
import type { Condition, Location, Proposition, Quantifier } from './ast.ts'
import { Words } from './lexer.ts'
import { atRegister, constant, location } from './locations.ts'
import type { Source } from './source.ts'

export interface Ending {
  readonly shown: readonly Location[]
  readonly filter: Proposition | undefined
  readonly condition: Condition
}

/** Deeper than this, a formula is not one that somebody wrote. */
const MAX_DEPTH = 200

const TRUE: Proposition = { is: 'constant', value: true }

export function parseEnding(source: Source, start: number, end: number): Ending {
  return new Parser(new Words(source, start, end)).ending()
}

class Parser {
  private readonly words: Words
  private depth = 0

  constructor(words: Words) {
    this.words = words
  }

  ending(): Ending {
    const { words } = this
    const shown = words.skip('locations') ? this.locations() : []
    const filter = words.skip('filter') ? this.or() : undefined
    const { quantifier, proposition } = this.quantified()
    words.skip(';')
    const perModel = words.skip('with') ? this.perModel() : new Map<string, Quantifier>()
    if (!words.atEnd) words.fail(`the end of the test expected, not ${words.next.text}`)
    return { shown, filter, condition: { quantifier, proposition, perModel } }
  }

  /** `[x; 0:rax int; ]`. Types are allowed, and change nothing. */
  private locations(): Location[] {
    const { words } = this
    const found: Location[] = []
    words.expect('[')
    while (!words.skip(']')) {
      found.push(location(words))
      if (words.next.kind === 'name') words.take()
      words.skip('*')
      if (words.next.text !== ']') words.expect(';')
    }
    return found
  }

  private quantified(): { quantifier: Quantifier; proposition: Proposition } {
    const { words } = this
    if (words.atEnd) return { quantifier: 'forall', proposition: TRUE }
    if (words.skip('forall')) return { quantifier: 'forall', proposition: this.or() }
    if (words.skip('exists') || words.skip('final')) return { quantifier: 'exists', proposition: this.or() }
    if (words.skip('observed') || words.skip('Observed'))
      return { quantifier: 'exists', proposition: this.observed() }
    if (words.skip('~') || words.skip('not')) {
      words.expect('exists')
      return { quantifier: '~exists', proposition: this.or() }
    }
    return words.fail(`exists, ~exists, forall or final expected, not ${words.next.text}`)
  }

  /** `observed 0:rax=1; x=2; and 0:rax=0; x=1;`: one of the states listed. */
  private observed(): Proposition {
    const { words } = this
    const states: Proposition[] = []
    do {
      const parts: Proposition[] = []
      while (!words.atEnd && words.next.text !== 'and') {
        parts.push(this.comparison())
        if (!words.atEnd && words.next.text !== 'and') words.expect(';')
      }
      states.push({ is: 'and', parts })
    } while (words.skip('and'))
    return { is: 'or', parts: states }
  }

  private perModel(): Map<string, Quantifier> {
    const { words } = this
    const found = new Map<string, Quantifier>()
    while (!words.atEnd) {
      const model = words.name('the name of a model').toLowerCase()
      words.expect(':')
      if (words.skip('forall')) found.set(model, 'forall')
      else if (words.skip('exists')) found.set(model, 'exists')
      else {
        if (!words.skip('not')) words.expect('~')
        words.expect('exists')
        found.set(model, '~exists')
      }
      if (!words.atEnd) words.expect(';')
    }
    return found
  }

  private or(): Proposition {
    return this.chain('or', '\\/', () => this.and())
  }

  private and(): Proposition {
    return this.chain('and', '/\\', () => this.implies())
  }

  private chain(is: 'and' | 'or', sign: string, operand: () => Proposition): Proposition {
    const parts = [operand()]
    while (this.words.skip(sign)) parts.push(operand())
    return parts.length === 1 ? (parts[0] as Proposition) : { is, parts }
  }

  /** Binds tighter than `/\`, as in herd. */
  private implies(): Proposition {
    return this.nested(() => {
      const left = this.factor()
      return this.words.skip('=>') ? { is: 'implies', left, right: this.implies() } : left
    })
  }

  private factor(): Proposition {
    const { words } = this
    if (words.skip('~') || words.skip('not')) {
      return { is: 'not', of: this.nested(() => this.factor()) }
    }
    if (words.skip('true')) return TRUE
    if (words.skip('false')) return { is: 'constant', value: false }
    if (words.skip('(')) {
      const inside = this.or()
      words.expect(')')
      return inside
    }
    return this.comparison()
  }

  private nested(parse: () => Proposition): Proposition {
    if (++this.depth > MAX_DEPTH) this.words.fail(`more than ${MAX_DEPTH} propositions within each other`)
    const inside = parse()
    this.depth--
    return inside
  }

  private comparison(): Proposition {
    const { words } = this
    const left = location(words)
    if (words.skip('!=') || words.skip('<>')) return { is: 'not', of: this.equality(left) }
    if (!words.skip('==')) words.expect('=')
    return this.equality(left)
  }

  private equality(left: Location): Proposition {
    const { words } = this
    if (words.skip('*') || atRegister(words) || words.next.text === '[') {
      return { is: 'same', location: left, other: location(words) }
    }
    return { is: 'equal', location: left, constant: constant(words) }
  }
}
