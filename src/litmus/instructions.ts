/** One cell of the table of instructions. */
import type { Instruction, MemoryOperand, Operand } from './ast.ts'
import { type Mnemonic, mnemonicOf, refusal } from './mnemonics.ts'
import { OperandError, parseOperand, splitOperands } from './operands.ts'
import type { Width } from './registers.ts'
import type { Source } from './source.ts'

/** Width of an access of which nothing tells the width, as `mov $1,(x)`. */
const DEFAULT_WIDTH: Width = 32

/** Parses an instruction, without labels. `text` begins at `offset` of the file. */
export function parseInstruction(source: Source, text: string, offset: number): Instruction {
  const parts = /^(?<lock>lock\s*;?\s+)?(?<name>[A-Za-z][\w.]*)\s*(?<rest>.*)$/is.exec(text)?.groups
  if (parts?.name === undefined) return source.fail(offset, `"${text}" is no instruction`)
  const name = parts.name.toLowerCase()
  const mnemonic = mnemonicOf(name)
  if (mnemonic === undefined) {
    return source.fail(offset, refusal(name) ?? `the instruction ${parts.name} is not known`)
  }
  try {
    const written = text.replace(/\s+/g, ' ').replace(' ;', ';')
    return build(mnemonic, parts.rest ?? '', { offset, text: written, lock: parts.lock !== undefined })
  } catch (error) {
    if (error instanceof OperandError) return source.fail(offset, `${text}: ${error.message}`)
    throw error
  }
}

interface Context {
  readonly offset: number
  readonly text: string
  readonly lock: boolean
}

function build(mnemonic: Mnemonic, rest: string, { offset, text, lock }: Context): Instruction {
  const base = { offset, text, locked: lock, width: DEFAULT_WIDTH }
  if (mnemonic.is === 'nop' || mnemonic.is === 'fence' || mnemonic.is === 'return') {
    noLock(lock)
    return { ...base, is: mnemonic.is }
  }
  if (mnemonic.is === 'jump') {
    noLock(lock)
    const label = rest.trim()
    if (!/^[A-Za-z_.][\w.$]*$/.test(label)) throw new OperandError('a label expected')
    return { ...base, is: 'jump', code: mnemonic.code, label }
  }
  const operands = splitOperands(rest).map(parseOperand)
  if (mnemonic.is === 'set') {
    const [to] = exactly(operands, 1) as [Operand]
    noLock(lock)
    return { ...base, is: 'set', width: 8, code: mnemonic.code, to: writable(to) }
  }
  if (mnemonic.is === 'unary') {
    const [to] = exactly(operands, 1) as [Operand]
    if (lock) needMemory(to)
    return { ...base, is: 'unary', kind: mnemonic.kind, width: widthOf(mnemonic.width, to), to: writable(to) }
  }
  const isShift = mnemonic.is === 'arithmetic' && ['shl', 'shr', 'sar'].includes(mnemonic.kind)
  if (isShift && operands.length === 1) operands.unshift({ is: 'immediate', value: 1n, symbol: undefined })
  const [from, to] = exactly(operands, 2) as [Operand, Operand]
  return binary(mnemonic, from, to, base)
}

type Base = Pick<Instruction, 'offset' | 'text' | 'locked' | 'width'>
type Binary = Exclude<Mnemonic, { is: 'nop' | 'fence' | 'return' | 'jump' | 'set' | 'unary' }>

function binary(mnemonic: Binary, from: Operand, to: Operand, base: Base): Instruction {
  if (mnemonic.is === 'extend') {
    noLock(base.locked)
    const width = mnemonic.width ?? widthOf(undefined, to)
    return {
      ...base,
      is: 'extend',
      from,
      to: register(to),
      width,
      fromWidth: mnemonic.fromWidth,
      signed: mnemonic.signed,
    }
  }
  const width = widthOf(mnemonic.width, to, from)
  const sized = { ...base, width }
  switch (mnemonic.is) {
    case 'arithmetic':
      if (base.locked) needMemory(to)
      notBothMemory(from, to)
      return { ...sized, is: 'arithmetic', kind: mnemonic.kind, from, to: writable(to) }
    case 'exchange': {
      noImmediate(from)
      notBothMemory(from, to)
      const memory = from.is === 'memory' || to.is === 'memory'
      return {
        ...sized,
        is: 'exchange',
        locked: memory && mnemonic.unlocked !== true,
        from,
        to: writable(to),
      }
    }
    case 'exchange-add':
    case 'compare-exchange':
      return readModifyWrite(mnemonic.is, from, to, sized)
    case 'address':
      noLock(base.locked)
      if (from.is !== 'memory') throw new OperandError('lea needs a place in memory')
      return { ...sized, is: 'address', from, to: register(to) }
    case 'conditional-move':
      noLock(base.locked)
      noImmediate(from)
      return { ...sized, is: 'conditional-move', code: mnemonic.code, from, to: register(to) }
    case 'compare':
    case 'test':
      noLock(base.locked)
      notBothMemory(from, to)
      return { ...sized, is: mnemonic.is, from, to }
    case 'move':
      noLock(base.locked)
      notBothMemory(from, to)
      return { ...sized, is: 'move', from, to: writable(to) }
  }
}

/** The register comes first in AT&T syntax; herd also takes the memory operand first (`cmpxchg (x),%r`). */
function readModifyWrite(
  is: 'exchange-add' | 'compare-exchange',
  from: Operand,
  to: Operand,
  base: Base,
): Instruction {
  const swapped = from.is === 'memory' && to.is === 'register'
  const [source, target] = swapped ? [to, from] : [from, to]
  if (base.locked) needMemory(target)
  return { ...base, is, from: register(source), to: writable(target) }
}

function exactly(operands: readonly Operand[], count: number): readonly Operand[] {
  if (operands.length === count) return operands
  throw new OperandError(`${count} operand${count === 1 ? '' : 's'} expected, not ${operands.length}`)
}

/** The suffix, or else the narrowest register. */
function widthOf(suffix: Width | undefined, ...operands: readonly Operand[]): Width {
  if (suffix !== undefined) return suffix
  const widths = operands.flatMap((operand) => (operand.is === 'register' ? [operand.register.width] : []))
  return widths.length === 0 ? DEFAULT_WIDTH : (Math.min(...widths) as Width)
}

function noLock(lock: boolean): void {
  if (lock) throw new OperandError('lock is for read-modify-write instructions')
}

function needMemory(operand: Operand): asserts operand is MemoryOperand {
  if (operand.is !== 'memory') throw new OperandError('lock needs a place in memory to work on')
}

function writable(operand: Operand): Operand {
  if (operand.is === 'immediate') throw new OperandError('the second operand cannot be a constant')
  return operand
}

function register(operand: Operand): Operand {
  if (operand.is !== 'register') throw new OperandError('a register expected')
  return operand
}

function noImmediate(operand: Operand): void {
  if (operand.is === 'immediate') throw new OperandError('the first operand cannot be a constant')
}

function notBothMemory(from: Operand, to: Operand): void {
  if (from.is === 'memory' && to.is === 'memory') throw new OperandError('both operands are in memory')
}
