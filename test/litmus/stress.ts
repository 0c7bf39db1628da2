/**
 * Random tests in all the spellings that herd's format allows, with a meaning of their own: each program is made as data, written down
 * as text for the reader, and run by a plain machine that never sees the text and shares nothing with the sources.
 */
import { mulberry32 } from './random.ts'

const VARIABLES = ['x', 'y', 'z'] as const
type Name = (typeof VARIABLES)[number]
/** By number: rax, rbx, rcx, r8. */
type Reg = 0 | 1 | 2 | 3

/** What the machine does in one step. */
export type Step =
  | { readonly is: 'store'; readonly to: Name; readonly value: number | { readonly reg: Reg } }
  | { readonly is: 'load'; readonly from: Name; readonly to: Reg }
  | { readonly is: 'constant'; readonly to: Reg; readonly value: number }
  | { readonly is: 'copy'; readonly from: Reg; readonly to: Reg }
  | {
      readonly is: 'combine'
      readonly how: 'add' | 'xor' | 'or' | 'and'
      readonly to: Reg
      readonly value: number
    }
  | { readonly is: 'exchange'; readonly with: Name; readonly reg: Reg }
  | { readonly is: 'fetch-add'; readonly to: Name; readonly reg: Reg }
  | { readonly is: 'compare-exchange'; readonly to: Name; readonly reg: Reg }
  | { readonly is: 'update'; readonly to: Name; readonly by: number; readonly locked: boolean }
  | { readonly is: 'fence' }
  | { readonly is: 'nothing'; readonly name: 'lfence' | 'sfence' | 'nop' }
  /** Skips so many steps if the register, or the variable, is (not) the value. */
  | {
      readonly is: 'skip'
      readonly if: { readonly reg: Reg } | { readonly name: Name }
      readonly value: number
      readonly equal: boolean
      readonly steps: number
    }

export type Formula =
  | {
      readonly is: 'reg'
      readonly thread: number
      readonly reg: Reg
      readonly value: number
      readonly equal: boolean
    }
  | { readonly is: 'name'; readonly name: Name; readonly value: number; readonly equal: boolean }
  | { readonly is: 'constant'; readonly value: boolean }
  | { readonly is: 'not'; readonly of: Formula }
  | { readonly is: 'and' | 'or'; readonly left: Formula; readonly right: Formula }

export interface Program {
  readonly initial: Readonly<Record<Name, number>>
  readonly registers: readonly (readonly number[])[]
  readonly threads: readonly (readonly Step[])[]
  readonly quantifier: 'exists' | '~exists' | 'forall'
  readonly condition: Formula
}

export function* programs(count: number, seed: number): Iterable<{ program: Program; text: string }> {
  const random = mulberry32(seed)
  for (let i = 0; i < count; i++) {
    const program = makeProgram(new Dice(random))
    yield { program, text: new Writer(new Dice(random)).write(`random${i}`, program) }
  }
}

class Dice {
  private readonly random: () => number
  constructor(random: () => number) {
    this.random = random
  }
  below(n: number): number {
    return Math.floor(this.random() * n)
  }
  one<T>(things: readonly T[]): T {
    return things[this.below(things.length)] as T
  }
}

function makeProgram(dice: Dice): Program {
  const threads = Array.from({ length: 2 + dice.below(2) }, () => {
    const length = 1 + dice.below(4)
    return Array.from({ length }, (_, at) => makeStep(dice, length - at - 1))
  })
  const initial = { x: dice.below(2), y: dice.below(3) === 0 ? 2 : 0, z: 0 }
  const registers = threads.map(() => [0, 1, 2, 3].map(() => (dice.below(4) === 0 ? 1 + dice.below(3) : 0)))
  const quantifier = dice.one(['exists', '~exists', 'forall'] as const)
  return { initial, registers, threads, quantifier, condition: makeFormula(dice, threads.length, 3) }
}

function makeStep(dice: Dice, left: number): Step {
  const name = dice.one(VARIABLES)
  const reg = dice.below(4) as Reg
  const value = 1 + dice.below(3)
  switch (dice.below(left > 0 ? 15 : 13)) {
    case 0:
    case 1:
    case 2:
      return { is: 'store', to: name, value: dice.below(3) === 0 ? { reg } : value }
    case 3:
    case 4:
    case 5:
      return { is: 'load', from: name, to: reg }
    case 6:
      return { is: 'exchange', with: name, reg }
    case 7:
      return { is: 'fetch-add', to: name, reg }
    case 8:
      return { is: 'compare-exchange', to: name, reg: dice.one([1, 2, 3] as const) }
    case 9:
      return { is: 'update', to: name, by: dice.one([1, 1, 2, -1]), locked: dice.below(2) === 0 }
    case 10:
      return dice.below(2) === 0
        ? { is: 'fence' }
        : { is: 'nothing', name: dice.one(['lfence', 'sfence', 'nop'] as const) }
    case 11:
      return { is: 'combine', how: dice.one(['add', 'xor', 'or', 'and'] as const), to: reg, value }
    case 12:
      return dice.below(2) === 0
        ? { is: 'constant', to: reg, value }
        : { is: 'copy', from: reg, to: dice.below(4) as Reg }
    default: {
      const what = dice.below(2) === 0 ? { reg } : { name }
      return {
        is: 'skip',
        if: what,
        value: dice.below(3),
        equal: dice.below(2) === 0,
        steps: 1 + dice.below(left),
      }
    }
  }
}

function makeFormula(dice: Dice, threads: number, depth: number): Formula {
  switch (depth === 0 ? dice.below(2) : dice.below(6)) {
    case 0: {
      const [thread, reg] = [dice.below(threads), dice.below(4) as Reg]
      return { is: 'reg', thread, reg, value: dice.below(3), equal: dice.below(5) > 0 }
    }
    case 1:
      return { is: 'name', name: dice.one(VARIABLES), value: dice.below(4), equal: dice.below(5) > 0 }
    case 2:
      return dice.below(3) === 0
        ? { is: 'constant', value: dice.below(2) === 0 }
        : { is: 'not', of: makeFormula(dice, threads, depth - 1) }
    default: {
      const [left, right] = [makeFormula(dice, threads, depth - 1), makeFormula(dice, threads, depth - 1)]
      return { is: dice.one(['and', 'or'] as const), left, right }
    }
  }
}

// Text ----------------------------------------------------------------------------------------------------------------

const WIDE = ['rax', 'rbx', 'rcx', 'r8']
const LONG = ['eax', 'ebx', 'ecx', 'r8d']

/** Writes a program down, choosing among all ways to spell each thing. */
class Writer {
  private readonly dice: Dice
  private readonly wide: boolean

  constructor(dice: Dice) {
    this.dice = dice
    this.wide = dice.below(2) === 0
  }

  write(name: string, { initial, registers, threads, quantifier, condition }: Program): string {
    const { dice } = this
    const columns = threads.map((steps) => this.column(steps))
    const heads = threads.map((_, i) => `P${i}`)
    const length = Math.max(...columns.map((column) => column.length))
    const rows = Array.from({ length }, (_, i) => columns.map((column) => column[i] ?? ''))
    const type = this.wide ? dice.one(['int64_t ', 'long ']) : dice.one(['', 'int ', 'int32_t '])
    const variables = VARIABLES.filter((one) => initial[one] !== 0 || type !== '').map(
      (one) =>
        `${type}${dice.one([one, `[${one}]`].slice(0, type === '' ? 2 : 1))}${dice.one(['=', ' = '])}${initial[one]};`,
    )
    const inRegisters = registers.flatMap((values, thread) =>
      values.flatMap((value, reg) =>
        value === 0 ? [] : [`${thread}:${dice.one([WIDE, LONG])[reg]}=${this.number(value)};`],
      ),
    )
    const all = VARIABLES.map((one) => `${one};`)
    const shown = threads.flatMap((_, thread) => WIDE.map((reg) => `${thread}:${reg};`))
    return [
      `X86_64 ${name}`,
      ...dice.one([
        [],
        ['"a description, (* no comment *)"'],
        ['(* a comment { } ; exists *)'],
        ['Orig=Rfe PodRR', 'Hash=0'],
      ]),
      `{ ${[...variables, ...inRegisters].join(dice.one([' ', '\n']))} }`,
      ...(dice.below(5) === 0 ? [' ;'] : []),
      [heads, ...rows].map((row) => ` ${row.join(' | ')} ;`).join('\n'),
      `${dice.one(['locations', 'locations '])}[${[...all, ...shown].join(' ')}]`,
      `${quantifier}${dice.one([' ', '\n'])}${this.formula(condition)}`,
      '',
    ].join('\n')
  }

  private number(value: number): string {
    return this.dice.below(4) === 0 ? `0x${value.toString(16)}` : String(value)
  }

  private column(steps: readonly Step[]): string[] {
    const lines: string[] = []
    const labels = new Map<number, string>()
    for (const [at, step] of steps.entries()) {
      if (step.is === 'skip') labels.set(at + 1 + step.steps, `L${at + 1 + step.steps}`)
    }
    for (const [at, step] of steps.entries()) {
      const label = labels.get(at)
      const [first, ...rest] = this.step(step, at)
      lines.push(`${label === undefined ? '' : `${label}: `}${first}`, ...rest)
    }
    const last = labels.get(steps.length)
    if (last !== undefined) lines.push(`${last}:${this.dice.one(['', ' nop'])}`)
    return lines
  }

  private step(step: Step, at: number): string[] {
    switch (step.is) {
      case 'store':
        return typeof step.value === 'number'
          ? [this.op('mov', [this.constant(step.value), this.place(step.to)], 'memory')]
          : [this.op('mov', [this.reg(step.value.reg), this.place(step.to)])]
      case 'load':
        return [this.op('mov', [this.place(step.from), this.reg(step.to)])]
      case 'constant':
        return [this.op('mov', [this.constant(step.value), this.reg(step.to)])]
      case 'copy':
        return [this.op('mov', [this.reg(step.from), this.reg(step.to)])]
      case 'combine':
        return [this.op(step.how, [this.constant(step.value), this.reg(step.to)])]
      case 'exchange': {
        const operands = [this.reg(step.reg), this.place(step.with)]
        const lock = this.dice.one(['', '', 'lock '])
        return [lock + this.op('xchg', this.dice.below(2) === 0 ? operands : operands.toReversed())]
      }
      case 'fetch-add':
        return [this.lock() + this.op('xadd', [this.reg(step.reg), this.place(step.to)])]
      case 'compare-exchange': {
        const operands = [this.reg(step.reg), this.place(step.to)]
        return [this.lock() + this.op('cmpxchg', this.dice.below(3) === 0 ? operands.toReversed() : operands)]
      }
      case 'update': {
        const lock = step.locked ? this.lock() : ''
        if (step.by === 1 && this.dice.below(2) === 0)
          return [lock + this.op('inc', [this.place(step.to)], 'memory')]
        if (step.by === -1) return [lock + this.op('dec', [this.place(step.to)], 'memory')]
        return [lock + this.op('add', [this.constant(step.by), this.place(step.to)], 'memory')]
      }
      case 'fence':
        return [this.shout('mfence')]
      case 'nothing':
        return [step.name]
      case 'skip': {
        const where = 'reg' in step.if ? this.reg(step.if.reg) : this.place(step.if.name)
        const compare = this.op(
          'cmp',
          [this.constant(step.value), where],
          'name' in step.if ? 'memory' : undefined,
        )
        const jump = step.equal ? this.dice.one(['je', 'jz', 'JE']) : this.dice.one(['jne', 'jnz', 'JNE'])
        return [compare, `${jump} L${at + 1 + step.steps}`]
      }
    }
  }

  private shout(name: string): string {
    return this.dice.below(6) === 0 ? name.toUpperCase() : name
  }

  private lock(): string {
    return this.dice.one(['lock ', 'lock; ', 'LOCK ', 'lock;'])
  }

  /** Sizes by suffix; without one where a register has it, or where 32 bits are meant. */
  private op(name: string, operands: readonly string[], size?: 'memory'): string {
    const bare = this.dice.below(3) === 0 && (size === undefined || !this.wide)
    const suffix = bare ? '' : this.wide ? 'q' : 'l'
    return `${this.shout(name + suffix)} ${operands.join(this.dice.one([',', ', ', ' , ']))}`
  }

  private constant(value: number): string {
    return (this.dice.below(5) === 0 ? '' : '$') + (value < 0 ? String(value) : this.number(value))
  }

  private place(name: Name): string {
    return this.dice.one([`(${name})`, `[${name}]`, `(${name})`, `${name}(%rip)`])
  }

  private reg(reg: Reg): string {
    const name = (this.wide ? WIDE : LONG)[reg] as string
    return `%${this.shout(name)}`
  }

  private formula(formula: Formula, inner = false): string {
    switch (formula.is) {
      case 'reg': {
        const register = this.dice.one([WIDE, WIDE, LONG])[formula.reg] as string
        return `${formula.thread}:${this.shout(register)}${formula.equal ? this.dice.one(['=', ' = ', '==']) : '!='}${this.number(formula.value)}`
      }
      case 'name':
        return `${this.dice.one([formula.name, `[${formula.name}]`])}${formula.equal ? '=' : ' != '}${formula.value}`
      case 'constant':
        return String(formula.value)
      case 'not':
        return `${this.dice.one(['~', 'not '])}(${this.formula(formula.of)})`
      default: {
        const sign = formula.is === 'and' ? '/\\' : '\\/'
        const text = `${this.formula(formula.left, true)} ${sign} ${this.formula(formula.right, true)}`
        return inner || this.dice.below(2) === 0 ? `(${text})` : text
      }
    }
  }
}

// Machine -------------------------------------------------------------------------------------------------------------

interface State {
  readonly at: readonly number[]
  readonly regs: readonly (readonly number[])[]
  readonly buffers: readonly (readonly (readonly [Name, number])[])[]
  readonly memory: Readonly<Record<Name, number>>
  /** What an unlocked update has loaded and not yet stored. */
  readonly half: readonly (number | undefined)[]
}

/** Every final state under a memory model, as `thread registers ...; x y z`. */
export function finals(program: Program, model: 'sc' | 'tso'): Map<string, boolean> {
  const { threads, registers, initial, condition } = program
  const found = new Map<string, boolean>()
  const first: State = {
    at: threads.map(() => 0),
    regs: registers,
    buffers: threads.map(() => []),
    memory: initial,
    half: threads.map(() => undefined),
  }
  const seen = new Set([JSON.stringify(first)])
  const work = [first]
  for (let state = work.pop(); state !== undefined; state = work.pop()) {
    const next = threads.flatMap((steps, t) => [...drain(state, t), ...step(state, t, steps, model)])
    if (next.length === 0) found.set(nameOf(state), holds(condition, state))
    for (const one of next) {
      const key = JSON.stringify(one)
      if (seen.has(key)) continue
      seen.add(key)
      work.push(one)
    }
  }
  return found
}

function nameOf({ regs, memory }: State): string {
  return [...regs.map((values) => values.join(' ')), VARIABLES.map((name) => memory[name]).join(' ')].join(
    '; ',
  )
}

function drain(state: State, t: number): State[] {
  const [oldest, ...rest] = state.buffers[t]!
  if (oldest === undefined) return []
  const [name, value] = oldest
  return [{ ...state, buffers: state.buffers.with(t, rest), memory: { ...state.memory, [name]: value } }]
}

function step(state: State, t: number, steps: readonly Step[], model: 'sc' | 'tso'): State[] {
  const now = steps[state.at[t]!]
  if (now === undefined) return []
  const { memory, buffers } = state
  const regs = state.regs[t]!
  const read = (name: Name) => buffers[t]!.findLast(([to]) => to === name)?.[1] ?? memory[name]
  const on = (count = 1) => ({ at: state.at.with(t, state.at[t]! + count) })
  const set = (reg: Reg, value: number) => ({ regs: state.regs.with(t, regs.with(reg, value | 0)) })
  const write = (name: Name, value: number): Partial<State> =>
    model === 'sc'
      ? { memory: { ...memory, [name]: value | 0 } }
      : { buffers: buffers.with(t, [...buffers[t]!, [name, value | 0] as const]) }
  const locked = (name: Name, value: number): Partial<State> => ({ memory: { ...memory, [name]: value | 0 } })
  const empty = buffers[t]!.length === 0
  switch (now.is) {
    case 'store':
      return [
        {
          ...state,
          ...on(),
          ...write(now.to, typeof now.value === 'number' ? now.value : regs[now.value.reg]!),
        },
      ]
    case 'load':
      return [{ ...state, ...on(), ...set(now.to, read(now.from)) }]
    case 'constant':
      return [{ ...state, ...on(), ...set(now.to, now.value) }]
    case 'copy':
      return [{ ...state, ...on(), ...set(now.to, regs[now.from]!) }]
    case 'combine': {
      const old = regs[now.to]!
      const results = {
        add: old + now.value,
        xor: old ^ now.value,
        or: old | now.value,
        and: old & now.value,
      }
      return [{ ...state, ...on(), ...set(now.to, results[now.how]) }]
    }
    case 'exchange':
      if (!empty) return []
      return [{ ...state, ...on(), ...locked(now.with, regs[now.reg]!), ...set(now.reg, memory[now.with]) }]
    case 'fetch-add': {
      if (!empty) return []
      const old = memory[now.to]
      return [{ ...state, ...on(), ...locked(now.to, old + regs[now.reg]!), ...set(now.reg, old) }]
    }
    case 'compare-exchange': {
      if (!empty) return []
      const old = memory[now.to]
      return old === regs[0]
        ? [{ ...state, ...on(), ...locked(now.to, regs[now.reg]!) }]
        : [{ ...state, ...on(), ...set(0, old) }]
    }
    case 'update': {
      if (now.locked) return empty ? [{ ...state, ...on(), ...locked(now.to, memory[now.to] + now.by) }] : []
      const half = state.half[t]
      if (half === undefined) return [{ ...state, half: state.half.with(t, read(now.to)) }]
      return [{ ...state, ...on(), ...write(now.to, half + now.by), half: state.half.with(t, undefined) }]
    }
    case 'fence':
      return empty ? [{ ...state, ...on() }] : []
    case 'nothing':
      return [{ ...state, ...on() }]
    case 'skip': {
      const value = 'reg' in now.if ? regs[now.if.reg]! : read(now.if.name)
      return [{ ...state, ...on((value === now.value) === now.equal ? 1 + now.steps : 1) }]
    }
  }
}

function holds(formula: Formula, state: State): boolean {
  switch (formula.is) {
    case 'reg':
      return (state.regs[formula.thread]![formula.reg] === formula.value) === formula.equal
    case 'name':
      return (state.memory[formula.name] === formula.value) === formula.equal
    case 'constant':
      return formula.value
    case 'not':
      return !holds(formula.of, state)
    case 'and':
      return holds(formula.left, state) && holds(formula.right, state)
    case 'or':
      return holds(formula.left, state) || holds(formula.right, state)
  }
}
