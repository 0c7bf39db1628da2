/** Locations and constants as the initial state and conditions write them. */
import type { Constant, DataType, Location, Place } from './ast.ts'
import type { Words } from './lexer.ts'
import type { Width } from './registers.ts'
import { type Register, registerOf, symbolicRegister } from './registers.ts'

const TYPES: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ['char', { width: 8, signed: true }],
  ['short', { width: 16, signed: true }],
  ['int', { width: 32, signed: true }],
  ['long', { width: 64, signed: true }],
  ['pointer', { width: 64, signed: false }],
  ['intptr_t', { width: 64, signed: true }],
  ['uintptr_t', { width: 64, signed: false }],
  ...([8, 16, 32, 64] as Width[]).flatMap((width): [string, DataType][] => [
    [`int${width}_t`, { width, signed: true }],
    [`uint${width}_t`, { width, signed: false }],
  ]),
])

export const POINTER: DataType = { width: 64, signed: false }

/** The type of a name; undefined when it names none that is known. */
export function typeOf(name: string): DataType | undefined {
  return TYPES.get(name)
}

/** The thread that `0` or `P0` stands for. */
function threadOf(text: string): number | undefined {
  const digits = /^P?(\d+)$/.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Whether `0:` or `P0:` comes next: a register of a thread. */
export function atRegister(words: Words): boolean {
  return words.peek(1).text === ':' && threadOf(words.next.text) !== undefined
}

/** `0:rax`, `P1:eax`, `0:%r`. */
export function registerLocation(words: Words): Location {
  const thread = threadOf(words.take().text) as number
  words.expect(':')
  return { is: 'register', thread, register: namedRegister(words) }
}

function namedRegister(words: Words): Register {
  const { offset } = words.next
  const name = words.name('a register')
  const bare = name.startsWith('%') ? name.slice(1) : name
  const register = registerOf(bare)
  if (register !== undefined) return register
  return name.startsWith('%')
    ? symbolicRegister(bare)
    : words.source.fail(offset, `${name} is no register of x86-64`)
}

/** `x`, `t[1]`. */
export function place(words: Words): Place {
  if (words.next.text.startsWith('%'))
    words.fail(`${words.next.text} of which thread? Write 0:${words.next.text}`)
  const symbol = words.name('a memory location')
  if (words.next.text !== '[' || words.peek(1).kind !== 'number') return { symbol, index: 0 }
  words.take()
  const index = words.number('an index')
  words.expect(']')
  if (index < 0n || index > 0xffffn) words.fail(`an index from 0 to 65535 expected, not ${index}`)
  return { symbol, index: Number(index) }
}

/** `0:rax`, `x`, `[x]`, `t[1]`. */
export function location(words: Words): Location {
  if (atRegister(words)) return registerLocation(words)
  if (words.skip('[')) {
    const inside = place(words)
    words.expect(']')
    return { is: 'memory', place: inside }
  }
  return { is: 'memory', place: place(words) }
}

/** `1`, `-0x10`, `x`, `&x`. */
export function constant(words: Words): Constant {
  words.skip('&')
  if (words.next.kind === 'number') return { is: 'number', value: words.number('a value') }
  if (words.next.kind !== 'name') words.fail(`a value expected, not ${words.next.text}`)
  return { is: 'address', place: place(words) }
}
