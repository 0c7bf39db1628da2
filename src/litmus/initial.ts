/** The initial state: `{ int x=1; 0:rax=x; uint64_t t[2]={1,2}; int *p=&x; }`. */
import type { Constant, DataType, Initial, Location } from './ast.ts'
import { Words } from './lexer.ts'
import { atRegister, constant, location, POINTER, typeOf } from './locations.ts'
import type { Source } from './source.ts'

const MAX_ELEMENTS = 4096n

export function parseInitial(source: Source, start: number, end: number): Initial[] {
  const words = new Words(source, start, end)
  const items: Initial[] = []
  while (!words.atEnd) {
    if (words.skip(';')) continue
    items.push(item(words))
    if (!words.atEnd) words.expect(';')
  }
  return items
}

function item(words: Words): Initial {
  const { offset } = words.next
  const { type, array } = declaredType(words)
  if (array) return arrayItem(words, type, offset)
  const where = leftSide(words)
  const values = words.skip('=') ? [value(words)] : []
  return { location: where, type, values, elements: undefined, offset }
}

/** A name before another name, or before `*`, is a type. */
function declaredType(words: Words): { type: DataType | undefined; array: boolean } {
  words.skip('_Atomic')
  if (words.skip('*')) return { type: POINTER, array: false }
  while (isQualifier(words.next.text)) words.take()
  const isType = words.next.kind === 'name' && startsLocation(words, 1)
  if (!isType || atRegister(words)) return { type: undefined, array: false }
  const { offset } = words.next
  const name = words.take().text
  const known = typeOf(name)
  if (words.skip('*')) return { type: POINTER, array: false }
  if (known === undefined) words.source.fail(offset, `the type ${name} is not known`)
  const array = words.next.kind === 'name' && words.peek(1).text === '[' && words.peek(2).kind === 'number'
  return { type: known, array }
}

function isQualifier(text: string): boolean {
  return text === 'volatile' || text === 'const'
}

function startsLocation(words: Words, distance: number): boolean {
  const { kind, text } = words.peek(distance)
  return (
    kind === 'name' ||
    kind === 'number' ||
    text === '*' ||
    (text === '[' && words.peek(distance + 1).kind === 'name')
  )
}

function leftSide(words: Words): Location {
  const { offset } = words.next
  const where = location(words)
  if (where.is === 'memory' && where.place.index !== 0) {
    words.source.fail(offset, 'an element cannot be set alone: give the whole array, int t[2]={0,1}')
  }
  return where
}

function value(words: Words): Constant {
  if (words.skip('ATOMIC_INIT')) {
    words.expect('(')
    const inside = constant(words)
    words.expect(')')
    return inside
  }
  return constant(words)
}

function arrayItem(words: Words, type: DataType | undefined, offset: number): Initial {
  const symbol = words.name('an array')
  words.expect('[')
  const count = words.number('a number of elements')
  words.expect(']')
  if (count < 1n || count > MAX_ELEMENTS)
    words.source.fail(offset, `an array of 1 to ${MAX_ELEMENTS} elements expected`)
  const elements = Number(count)
  const values: Constant[] = []
  if (words.skip('=')) {
    words.expect('{')
    do values.push(constant(words))
    while (words.skip(','))
    words.expect('}')
    if (values.length !== elements) {
      words.source.fail(offset, `${symbol} has ${elements} elements, but ${values.length} values are given`)
    }
  }
  return { location: { is: 'memory', place: { symbol, index: 0 } }, type, values, elements, offset }
}
