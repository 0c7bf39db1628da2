/** Operands of instructions, in AT&T syntax as herd reads it. */
import type { MemoryOperand, Operand } from './ast.ts'
import { numberOf } from './lexer.ts'
import { type Register, registerOf, symbolicRegister } from './registers.ts'

/** What is wrong with an operand. */
export class OperandError extends Error {}

const NUMBER = /^-?(?:0[xX][0-9a-fA-F]+|\d+)$/
const NAME = /^[A-Za-z_.][\w/.$]*$/
const MEMORY = /^(?<front>[^()[\]]*)[([](?<inside>[^()[\]]*)[)\]]$/

/** Splits at commas outside parentheses. */
export function splitOperands(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]
    if (letter === '(' || letter === '[') depth++
    else if (letter === ')' || letter === ']') depth--
    else if (letter === ',' && depth === 0) {
      parts.push(text.slice(from, i).trim())
      from = i + 1
    }
  }
  const last = text.slice(from).trim()
  if (last !== '' || parts.length > 0) parts.push(last)
  return parts
}

export function parseOperand(text: string): Operand {
  if (text.startsWith('$')) return immediate(text.slice(1))
  if (text.startsWith('%') && !text.includes(':')) return { is: 'register', register: register(text) }
  if (NUMBER.test(text)) return immediate(text)
  const memory = MEMORY.exec(withoutSegment(text))?.groups
  if (memory !== undefined) return memoryOperand((memory.front ?? '').trim(), (memory.inside ?? '').trim())
  if (!NAME.test(text)) throw new OperandError(`"${text}" is no operand`)
  const named = registerOf(text)
  return named === undefined ? atSymbol(text, 0n) : { is: 'register', register: named }
}

/** `%cs:0(...)`: segments are flat. */
function withoutSegment(text: string): string {
  return text.replace(/^%[c-gs]s:/i, '')
}

function immediate(text: string): Operand {
  if (NUMBER.test(text)) return { is: 'immediate', value: numberOf(text), symbol: undefined }
  if (NAME.test(text)) return { is: 'immediate', value: 0n, symbol: text }
  throw new OperandError(`"$${text}" is no number and no address`)
}

function register(text: string): Register {
  const name = text.startsWith('%') ? text.slice(1) : text
  if (!/^\w+$/.test(name)) throw new OperandError(`"${text}" is no register`)
  return registerOf(name) ?? symbolicRegister(name)
}

function atSymbol(symbol: string, displacement: bigint): MemoryOperand {
  return { is: 'memory', symbol, displacement, base: undefined, index: undefined, scale: 1n }
}

/** `front(base,index,scale)`, where front is a number, a symbol, or both. */
function memoryOperand(front: string, inside: string): MemoryOperand {
  const { symbol, displacement } = frontOf(front)
  const parts = inside.split(',').map((part) => part.trim())
  if (parts.length > 3) throw new OperandError(`"(${inside})" has more than a base, an index and a scale`)
  const [base = '', index = '', scale = '1'] = parts
  if (parts.length === 1 && !base.startsWith('%') && registerOf(base) === undefined) {
    return absolute(base, symbol, displacement)
  }
  if (!/^\d+$/.test(scale)) throw new OperandError(`"${scale}" is no scale`)
  const isRip = /^%?rip$/i.test(base)
  return {
    is: 'memory',
    symbol,
    displacement,
    base: base === '' || isRip ? undefined : register(base),
    index: index === '' ? undefined : register(index),
    scale: BigInt(scale),
  }
}

/** `(x)`, `[x]`, `[16]`. */
function absolute(text: string, symbol: string | undefined, displacement: bigint): MemoryOperand {
  if (symbol === undefined && NAME.test(text)) return atSymbol(text, displacement)
  if (NUMBER.test(text)) return { ...atSymbol('', displacement + numberOf(text)), symbol }
  throw new OperandError(`"(${text})" is no place in memory`)
}

function frontOf(front: string): { symbol: string | undefined; displacement: bigint } {
  if (front === '') return { symbol: undefined, displacement: 0n }
  if (NUMBER.test(front)) return { symbol: undefined, displacement: numberOf(front) }
  const parts = /^(?<symbol>[A-Za-z_.][\w.]*)(?:\+(?<plus>\d+))?$/.exec(front)?.groups
  if (parts?.symbol === undefined) throw new OperandError(`"${front}" is no displacement`)
  return { symbol: parts.symbol, displacement: BigInt(parts.plus ?? 0) }
}
