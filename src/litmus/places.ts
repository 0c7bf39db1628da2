/** The memory of a test: every place has an address, a type and an initial value. */
import { UsageError } from '../core/errors.ts'
import type { Constant, DataType, LitmusTest, Location, Operand, Place, Proposition } from './ast.ts'
import type { Width } from './registers.ts'

/** Addresses are of this form: they fit 31 bits, and no test uses such numbers for anything else. */
const FIRST_ADDRESS = 0x5ada_0000n
/** Distance between symbols, so that no displacement leads from one into the next. */
const SPACING = 0x2_0000n
const MAX_SYMBOLS = 1000

const DEFAULT_ELEMENT = 4n

interface Symbol {
  readonly name: string
  readonly address: bigint
  type: DataType | undefined
  values: readonly Constant[]
  elements: number
  /** It has been given a type or a value. */
  declared: boolean
}

/** One place that instructions can reach. */
export interface MemoryPlace {
  /** `x`, `t[1]`. */
  readonly name: string
  readonly symbol: string
  readonly type: DataType | undefined
  readonly initial: bigint
}

export class Places {
  readonly places: MemoryPlace[] = []
  private readonly symbols = new Map<string, Symbol>()
  private readonly byAddress = new Map<bigint, number>()
  /** First place of each symbol. */
  private readonly firstOf = new Map<string, number>()

  constructor(test: LitmusTest) {
    for (const { location, type, values, elements } of test.initial) {
      if (location.is !== 'memory') continue
      const symbol = this.symbol(test, location.place.symbol)
      if (symbol.declared && values.length === 0 && elements === undefined) continue
      symbol.declared = true
      symbol.type = type ?? symbol.type
      symbol.values = values
      symbol.elements = elements ?? 1
    }
    for (const { values } of test.initial) for (const value of values) this.noteConstant(test, value)
    for (const { instructions } of test.threads) {
      for (const instruction of instructions) {
        if ('from' in instruction) this.noteOperand(test, instruction.from)
        if ('to' in instruction) this.noteOperand(test, instruction.to)
      }
    }
    for (const location of test.shown) this.noteLocation(test, location)
    if (test.filter !== undefined) this.noteProposition(test, test.filter)
    this.noteProposition(test, test.condition.proposition)
    for (const symbol of this.symbols.values()) this.lay(symbol)
  }

  private symbol(test: LitmusTest, name: string): Symbol {
    let symbol = this.symbols.get(name)
    if (symbol === undefined) {
      if (this.symbols.size >= MAX_SYMBOLS)
        throw new UsageError(`${test.file}: more than ${MAX_SYMBOLS} memory locations`)
      const address = FIRST_ADDRESS + BigInt(this.symbols.size) * SPACING
      symbol = { name, address, type: undefined, values: [], elements: 1, declared: false }
      this.symbols.set(name, symbol)
    }
    return symbol
  }

  private noteConstant(test: LitmusTest, constant: Constant): void {
    if (constant.is === 'address') this.symbol(test, constant.place.symbol)
  }

  private noteOperand(test: LitmusTest, operand: Operand): void {
    if (operand.is !== 'register' && operand.symbol !== undefined) this.symbol(test, operand.symbol)
  }

  private noteLocation(test: LitmusTest, location: Location): void {
    if (location.is !== 'memory') return
    const { elements } = this.symbol(test, location.place.symbol)
    if (location.place.index >= elements) {
      throw new UsageError(`${test.file}: ${location.place.symbol} has no element ${location.place.index}`)
    }
  }

  private noteProposition(test: LitmusTest, proposition: Proposition): void {
    switch (proposition.is) {
      case 'equal':
        this.noteLocation(test, proposition.location)
        this.noteConstant(test, proposition.constant)
        break
      case 'same':
        this.noteLocation(test, proposition.location)
        this.noteLocation(test, proposition.other)
        break
      case 'not':
        this.noteProposition(test, proposition.of)
        break
      case 'and':
      case 'or':
        for (const part of proposition.parts) this.noteProposition(test, part)
        break
      case 'implies':
        this.noteProposition(test, proposition.left)
        this.noteProposition(test, proposition.right)
        break
      case 'constant':
    }
  }

  private lay(symbol: Symbol): void {
    const { name, type, values, elements, address } = symbol
    this.firstOf.set(name, this.places.length)
    const size = type === undefined ? DEFAULT_ELEMENT : BigInt(type.width / 8)
    for (let i = 0; i < elements; i++) {
      const given = values[i]
      const initial = given === undefined ? 0n : BigInt.asUintN(type?.width ?? 64, this.valueOf(given))
      this.byAddress.set(address + BigInt(i) * size, this.places.length)
      this.places.push({ name: elements > 1 ? `${name}[${i}]` : name, symbol: name, type, initial })
    }
  }

  /** The number of the place at an address. */
  at(address: bigint): number | undefined {
    return this.byAddress.get(BigInt.asUintN(64, address))
  }

  /** The number of a place by name. */
  number({ symbol, index }: Place): number {
    return (this.firstOf.get(symbol) as number) + index
  }

  address(symbol: string): bigint {
    return (this.symbols.get(symbol) as Symbol).address
  }

  /** The 64 bits of a constant. */
  valueOf(constant: Constant): bigint {
    if (constant.is === 'number') return BigInt.asUintN(64, constant.value)
    const { symbol, index } = constant.place
    const { address, type } = this.symbols.get(symbol) as Symbol
    return address + BigInt(index) * (type === undefined ? DEFAULT_ELEMENT : BigInt(type.width / 8))
  }

  /** The name of the place that a value is the address of, if it is. */
  nameOf(value: bigint): string | undefined {
    const found = this.byAddress.get(value)
    return found === undefined ? undefined : this.places[found]?.name
  }
}

/** A value as states show it: an address by name, a number by its type; signed where there is none. */
export function showValue(places: Places, value: bigint, type: DataType | undefined): string {
  const name = places.nameOf(value)
  if (name !== undefined) return name
  if (type !== undefined) {
    return String(type.signed ? BigInt.asIntN(type.width, value) : BigInt.asUintN(type.width, value))
  }
  return String(untyped(value))
}

/** Without a type: what fits 32 bits is an `int`, other values are 64-bit. */
export function untyped(value: bigint): bigint {
  const width: Width = value >> 32n === 0n ? 32 : 64
  return BigInt.asIntN(width, value)
}

/** Whether a value is the one that a constant stands for. */
export function sameValue(value: bigint, wanted: bigint, type: DataType | undefined): boolean {
  if (type !== undefined) return BigInt.asUintN(type.width, value) === BigInt.asUintN(type.width, wanted)
  return value === wanted || untyped(value) === untyped(wanted)
}
