/** One thread of a test as guest code: it yields what touches memory, and keeps registers to itself. */
import type { Task } from '../core/operation.ts'
import { arithmetic, conjunction, type Flags, holds, NO_FLAGS, subtract, unary } from './arithmetic.ts'
import type { Instruction, MemoryOperand, Operand, Thread } from './ast.ts'
import type { LitmusMachine } from './machine.ts'
import type { Width } from './registers.ts'
import { type Register, type RegisterFile, readRegister, registerOf, writeRegister } from './registers.ts'

/** Instructions after which a thread without a loop over memory "does not end". */
const MAX_INSTRUCTIONS = 100_000

export function* runThread(machine: LitmusMachine, number: number): Task<void> {
  const run = new ThreadRun(machine, number)
  yield* run.toEnd()
  yield* machine.end(number, run.reads, { registers: run.registers, tooFar: run.tooFar })
}

/** An instruction with two operands. */
type Binary = Extract<Instruction, { from: Operand }>

class ThreadRun {
  readonly registers: RegisterFile = new Map()
  /** The writes that were read from, in program order. */
  readonly reads: number[] = []
  tooFar = false
  private flags: Flags = NO_FLAGS
  private writes = 0
  private readonly machine: LitmusMachine
  private readonly number: number
  private readonly thread: Thread
  private readonly rounds = new Map<number, number>()

  constructor(machine: LitmusMachine, number: number) {
    this.machine = machine
    this.number = number
    this.thread = machine.test.threads[number] as Thread
    for (const { location, values } of machine.test.initial) {
      if (location.is !== 'register' || location.thread !== number) continue
      const [value] = values
      writeRegister(
        this.registers,
        location.register,
        value === undefined ? 0n : machine.places.valueOf(value),
      )
    }
  }

  *toEnd(): Task<void> {
    const { instructions, labels } = this.thread
    for (let at = 0, steps = 0; at < instructions.length; steps++) {
      if (steps >= MAX_INSTRUCTIONS) {
        this.fail(
          instructions[at] as Instruction,
          `P${this.number} does not end within ${MAX_INSTRUCTIONS} instructions`,
        )
      }
      const instruction = instructions[at] as Instruction
      at++
      if (instruction.is === 'return') return
      if (instruction.is !== 'jump') {
        yield* this.execute(instruction)
        continue
      }
      if (instruction.code !== undefined && !holds(instruction.code, this.flags)) continue
      const target = labels.get(instruction.label) as number
      if (target < at && !this.mayGoBack(at)) return
      at = target
    }
  }

  /** Whether the backward jump before `at` may be taken once more. */
  private mayGoBack(at: number): boolean {
    const rounds = (this.rounds.get(at) ?? 0) + 1
    this.rounds.set(at, rounds)
    this.tooFar = rounds > this.machine.unroll
    return !this.tooFar
  }

  private *execute(instruction: Exclude<Instruction, { is: 'jump' | 'return' }>): Task<void> {
    switch (instruction.is) {
      case 'nop':
        return
      case 'fence':
        yield* this.machine.fence()
        return
      case 'move':
        yield* this.write(instruction, instruction.to, yield* this.read(instruction, instruction.from))
        return
      case 'extend': {
        const { from, fromWidth, signed, width } = instruction
        const value = yield* this.read({ ...instruction, width: fromWidth }, from)
        yield* this.write(
          instruction,
          instruction.to,
          signed ? BigInt.asUintN(width, BigInt.asIntN(fromWidth, value)) : value,
        )
        return
      }
      case 'address':
        yield* this.write(instruction, instruction.to, this.addressOf(instruction.from as MemoryOperand))
        return
      case 'compare':
      case 'test': {
        const from = yield* this.read(instruction, instruction.from)
        const to = yield* this.read(instruction, instruction.to)
        const compute = instruction.is === 'test' ? conjunction : subtract
        this.flags = compute(to, from, instruction.width).flags
        return
      }
      case 'arithmetic':
        yield* this.arithmetic(instruction)
        return
      case 'unary':
        yield* this.update(instruction, instruction.to, (old) => {
          const { value, flags } = unary(instruction.kind, old, instruction.width, this.flags)
          return { value, done: () => this.setFlags(flags) }
        })
        return
      case 'exchange':
        yield* this.exchange(instruction)
        return
      case 'exchange-add':
        yield* this.exchangeAdd(instruction)
        return
      case 'compare-exchange':
        yield* this.compareExchange(instruction)
        return
      case 'conditional-move': {
        // The load happens in any case.
        const value = yield* this.read(instruction, instruction.from)
        if (holds(instruction.code, this.flags)) yield* this.write(instruction, instruction.to, value)
        return
      }
      case 'set':
        yield* this.write(instruction, instruction.to, holds(instruction.code, this.flags) ? 1n : 0n)
    }
  }

  private setFlags(flags: Flags): void {
    this.flags = flags
  }

  private *arithmetic(instruction: Extract<Instruction, { is: 'arithmetic' }>): Task<void> {
    const { kind, from, to, width } = instruction
    const operand = yield* this.read(instruction, from)
    yield* this.update(instruction, to, (old) => {
      const { value, flags } = arithmetic(kind, old, operand, width, this.flags)
      return { value, done: () => this.setFlags(flags) }
    })
  }

  private *exchange(instruction: Binary): Task<void> {
    const { from, to } = instruction
    // At most one operand is in memory.
    const [register, other] = from.is === 'memory' ? [to, from] : [from, to]
    const own = yield* this.read(instruction, register)
    const old = yield* this.update(instruction, other, () => ({ value: own }))
    yield* this.write(instruction, register, old)
  }

  private *exchangeAdd(instruction: Binary): Task<void> {
    const { from, to, width } = instruction
    const own = yield* this.read(instruction, from)
    const old = yield* this.update(instruction, to, (before) => {
      const { value, flags } = arithmetic('add', before, own, width, this.flags)
      return { value, done: () => this.setFlags(flags) }
    })
    yield* this.write(instruction, from, old)
  }

  private *compareExchange(instruction: Binary): Task<void> {
    const { from, to, width } = instruction
    const accumulator: Register = { ...(registerOf('rax') as Register), width }
    const expected = readRegister(this.registers, accumulator)
    const own = yield* this.read(instruction, from)
    const old = yield* this.update(instruction, to, (before) =>
      before === expected ? { value: own } : undefined,
    )
    this.flags = subtract(expected, old, width).flags
    if (old !== expected) writeRegister(this.registers, accumulator, old)
  }

  /**
   * Reads and writes one operand; gives the old value. In memory this is one step when the instruction is locked, and
   * otherwise a load and a store. `change` may be asked about values that are then not there; only `done` has effects.
   */
  private *update(
    instruction: Instruction,
    operand: Operand,
    change: (old: bigint) => { readonly value: bigint; readonly done?: () => void } | undefined,
  ): Task<bigint> {
    if (operand.is !== 'memory' || !instruction.locked) {
      const old = yield* this.read(instruction, operand)
      const changed = change(old)
      changed?.done?.()
      if (changed !== undefined) yield* this.write(instruction, operand, changed.value)
      return old
    }
    const { machine, number } = this
    const { width, text } = instruction
    const place = this.placeOf(instruction, operand, 'store')
    const next = this.writes++
    const observed = (event: number) => BigInt.asUintN(width, machine.valueOf(place, event))
    const read = yield* machine.lockedUpdate(place, text, (event) => {
      const changed = change(observed(event))
      return changed === undefined
        ? undefined
        : machine.events.id(number, next, BigInt.asUintN(width, changed.value))
    })
    this.reads.push(read)
    change(observed(read))?.done?.()
    return observed(read)
  }

  private *read(instruction: Instruction, operand: Operand): Task<bigint> {
    const { machine } = this
    const { width, text } = instruction
    switch (operand.is) {
      case 'immediate':
        return BigInt.asUintN(
          width,
          operand.symbol === undefined ? operand.value : machine.places.address(operand.symbol),
        )
      case 'register':
        return BigInt.asUintN(width, readRegister(this.registers, operand.register))
      case 'memory': {
        const place = this.placeOf(instruction, operand, 'load')
        const event = yield* machine.load(place, text)
        this.reads.push(event)
        return BigInt.asUintN(width, machine.valueOf(place, event))
      }
    }
  }

  private *write(instruction: Instruction, operand: Operand, value: bigint): Task<void> {
    const { machine } = this
    const { width, text } = instruction
    if (operand.is === 'register') writeRegister(this.registers, sized(operand.register, width), value)
    if (operand.is !== 'memory') return
    const place = this.placeOf(instruction, operand, 'store')
    const event = machine.events.id(this.number, this.writes++, BigInt.asUintN(width, value))
    yield* machine.store(place, event, text)
  }

  private addressOf({ symbol, displacement, base, index, scale }: MemoryOperand): bigint {
    const { places } = this.machine
    let address = displacement
    if (symbol !== undefined) address += places.address(symbol)
    if (base !== undefined) address += readRegister(this.registers, base)
    if (index !== undefined) address += readRegister(this.registers, index) * scale
    return BigInt.asUintN(64, address)
  }

  private placeOf(instruction: Instruction, operand: MemoryOperand, how: 'load' | 'store'): number {
    const address = this.addressOf(operand)
    const place = this.machine.places.at(address)
    if (place !== undefined) {
      const part = this.machine.sizes.note(place, { ...instruction, how })
      return part === undefined ? place : this.fail(instruction, part)
    }
    return this.fail(
      instruction,
      `"${instruction.text}" of P${this.number} accesses address 0x${address.toString(16)}, where no memory location is`,
    )
  }

  private fail(instruction: Instruction, message: string): never {
    return this.machine.test.fail(instruction.offset, message)
  }
}

/** A suffix wins over a register's own width: `movl %rax,(x)` and symbolic registers. */
function sized(register: Register, width: Width): Register {
  return register.width <= width || register.shift !== 0 ? register : { ...register, width }
}
