/**
 * The private language of these tests: `Wx1;Ry || Wy1;Rx` is one thread a column. Instructions work on cells by name and on
 * one register `r` per frame, which holds what was observed last.
 *
 * | text | meaning |
 * | --- | --- |
 * | `Wx3`, `Wxr` | store 3, or the register plus one, to x (through the store buffer) |
 * | `Rx` | load x |
 * | `Xx1` | locked: add 1 to x (modulo 4), give the old value |
 * | `F` | fence |
 * | `Ax1` | wait until x, as loaded, is 1 |
 * | `Lx`, `Ux` | take (locked) and release (a store) a lock |
 * | `C3` | choose 0, 1 or 2 |
 * | `=1(...)` | if the register is 1 |
 * | `!x2` | assert that x, read, is not 2 |
 * | `?2` | assert that the register is not 2 |
 * | `Sxy` | swap x and y in memory, at once |
 * | `Mxy` | give x + 2 y, as loaded |
 * | `I0`, `I1` | interrupts off, on |
 * | `P2` | IPI to process 2 (does not drain) |
 * | `E` | empties the store buffer and turns interrupts on: IRET |
 * | `@1(...)` | again and again, until the register is 1 at the end of a round |
 * | `{...}` | a call, which returns the register modulo 2 |
 * | `N` | nothing that anybody sees |
 */
import type { Cell } from '../../src/core/cells.ts'
import { CellTable } from '../../src/core/cells.ts'
import { type Footprint, Operation, type OperationKind, type Task } from '../../src/core/operation.ts'
import { frame, type Process, type Program, type Source } from '../../src/core/program.ts'
import { call, repeat } from '../../src/core/task.ts'

export type Instruction =
  | { readonly is: 'store'; readonly cell: string; readonly value: number | 'r' }
  | { readonly is: 'load' | 'lock' | 'unlock'; readonly cell: string }
  | { readonly is: 'add' | 'await' | 'assert'; readonly cell: string; readonly value: number }
  | { readonly is: 'swap' | 'sum'; readonly cell: string; readonly other: string }
  | { readonly is: 'fence' | 'iret' | 'nop' }
  | { readonly is: 'choose' | 'expect' | 'if' | 'ipi' | 'loop'; readonly value: number; readonly body: Code }
  | { readonly is: 'call'; readonly body: Code }
  | { readonly is: 'cli' | 'sti' }

export type Code = readonly Instruction[]

/** Parses a thread. */
export function parse(text: string): Code {
  let at = 0
  const peek = () => text[at] ?? ''
  const take = () => text[at++] ?? ''
  const number = () => {
    let digits = ''
    while (/[0-9]/.test(peek())) digits += take()
    return Number(digits)
  }
  const body = (close: string): Code => {
    const code: Instruction[] = []
    while (at < text.length && peek() !== close) {
      const letter = take()
      if (letter === ' ' || letter === ';') continue
      code.push(instruction(letter))
    }
    at++
    return code
  }
  const instruction = (letter: string): Instruction => {
    switch (letter) {
      case 'W': {
        const cell = take()
        if (peek() !== 'r') return { is: 'store', cell, value: number() }
        take()
        return { is: 'store', cell, value: 'r' }
      }
      case 'R':
        return { is: 'load', cell: take() }
      case 'L':
        return { is: 'lock', cell: take() }
      case 'U':
        return { is: 'unlock', cell: take() }
      case 'X':
        return { is: 'add', cell: take(), value: number() }
      case 'A':
        return { is: 'await', cell: take(), value: number() }
      case '!':
        return { is: 'assert', cell: take(), value: number() }
      case 'S':
        return { is: 'swap', cell: take(), other: take() }
      case 'M':
        return { is: 'sum', cell: take(), other: take() }
      case 'F':
        return { is: 'fence' }
      case 'E':
        return { is: 'iret' }
      case 'N':
        return { is: 'nop' }
      case 'C':
        return { is: 'choose', value: number(), body: [] }
      case '?':
        return { is: 'expect', value: number(), body: [] }
      case 'P':
        return { is: 'ipi', value: number(), body: [] }
      case 'I':
        return { is: number() === 0 ? 'cli' : 'sti' }
      case '=': {
        const value = number()
        take()
        return { is: 'if', value, body: body(')') }
      }
      case '@': {
        const value = number()
        take()
        return { is: 'loop', value, body: body(')') }
      }
      case '{':
        return { is: 'call', body: body('}') }
      default:
        throw new Error(`what is ${letter}?`)
    }
  }
  return body('')
}

export interface Handler {
  readonly code: Code
  /** Started by an IPI; otherwise it may come whenever its process takes interrupts, as often as `budget` allows. */
  readonly spontaneous?: boolean
  /** How often a spontaneous handler comes at most; any number when undefined. */
  readonly budget?: number
  /** Interrupts stay on while it runs. */
  readonly open?: boolean
}

export interface Thread {
  readonly code: Code
  readonly handler?: Handler
  readonly daemon?: boolean
  readonly buffered?: boolean
}

/** What a frame knows. */
interface Registers {
  r: number
  /** Everything that was observed, as one number. */
  seen: number
}

/**
 * Makes a program of threads. Cells are those that the code names, of two bits each.
 *
 * @param observe - every thread ends by writing all that it has observed into a cell of its own
 */
export function build(threads: readonly Thread[], observe = false): Program {
  const table = new CellTable()
  const named = new Map<string, Cell>()
  const cell = (name: string): Cell => {
    let found = named.get(name)
    if (found === undefined) {
      found = table.add(name, 2)
      named.set(name, found)
    }
    return found
  }
  const declare = (code: Code) => {
    for (const step of code) {
      if ('cell' in step) cell(step.cell)
      if ('other' in step) cell(step.other)
      if ('body' in step) declare(step.body)
    }
  }
  for (const { code, handler } of threads) {
    declare(code)
    if (handler !== undefined) declare(handler.code)
  }
  const enable = threads.map((_, p) => table.add(`IF[${p}]`, 1, 1))
  const pending = threads.map((_, p) => table.add(`pending[${p}]`, 1))
  const outs = threads.map((_, p) => (observe ? table.add(`out[${p}]`, 2) : undefined))
  const budget = threads.map(({ handler }, p) => table.add(`budget[${p}]`, 3, handler?.budget ?? 0))

  const effect = (
    kind: OperationKind,
    label: string,
    footprint: Footprint,
    rest: Partial<ConstructorParameters<typeof Operation<number>>[0]>,
  ) => new Operation<number>({ kind, label, footprint: () => footprint, decode: (raw) => raw, ...rest })

  const store = (target: Cell, value: number, label: string) =>
    effect(
      'store',
      label,
      {},
      {
        commit: {
          key: label,
          cell: target,
          value,
          label,
          footprint: () => ({ writes: [target] }),
          apply: (memory) => memory.set(target, value),
        },
      },
    )

  function* run(process: number, code: Code, frame: Registers): Task<void> {
    for (const step of code) {
      switch (step.is) {
        case 'store': {
          const value = step.value === 'r' ? frame.r + 1 : step.value
          yield* store(cell(step.cell), value, `${step.cell} = ${value}`)
          break
        }
        case 'load': {
          const x = cell(step.cell)
          note(frame, yield* effect('load', `r = ${step.cell}`, { loads: [x] }, { apply: (m) => m.load(x) }))
          break
        }
        case 'add': {
          const x = cell(step.cell)
          const { value } = step
          note(
            frame,
            yield* effect(
              'rmw',
              `${step.cell} += ${value}`,
              { reads: [x], writes: [x] },
              {
                drains: true,
                apply: (m) => {
                  const old = m.get(x)
                  m.set(x, (old + value) % 4)
                  return old
                },
              },
            ),
          )
          break
        }
        case 'await': {
          const x = cell(step.cell)
          const { value } = step
          yield* effect(
            'wait',
            `await ${step.cell} == ${value}`,
            { loads: [x] },
            { guard: (m) => m.load(x) === value },
          )
          break
        }
        case 'lock': {
          const x = cell(step.cell)
          yield* effect(
            'lock',
            `lock ${step.cell}`,
            { reads: [x], writes: [x] },
            {
              drains: true,
              guard: (m) => m.get(x) === 0,
              apply: (m) => {
                m.set(x, 1)
                return 0
              },
            },
          )
          break
        }
        case 'unlock':
          yield* store(cell(step.cell), 0, `unlock ${step.cell}`)
          break
        case 'assert': {
          const x = cell(step.cell)
          const { value } = step
          yield* effect(
            'assert',
            `assert ${step.cell} != ${value}`,
            { reads: [x] },
            {
              apply: (m) => {
                if (m.get(x) === value) {
                  m.violate({ property: 'assertion', message: `${step.cell} is ${value}`, cells: [x] })
                }
                return 0
              },
            },
          )
          break
        }
        case 'expect': {
          const seen = frame.r
          if (seen !== step.value) break
          yield* effect(
            'assert',
            `assert r != ${seen}`,
            {},
            {
              apply: (m) => {
                m.violate({ property: 'assertion', message: `r is ${seen}`, cells: [] })
                return 0
              },
            },
          )
          break
        }
        case 'swap': {
          const [x, y] = [cell(step.cell), cell(step.other)]
          yield* effect(
            'rmw',
            `swap ${step.cell}, ${step.other}`,
            { reads: [x, y], writes: [x, y] },
            {
              apply: (m) => {
                const old = m.get(x)
                m.set(x, m.get(y))
                m.set(y, old)
                return 0
              },
            },
          )
          break
        }
        case 'sum': {
          const [x, y] = [cell(step.cell), cell(step.other)]
          note(
            frame,
            yield* effect(
              'load',
              `r = ${step.cell} + 2 ${step.other}`,
              { loads: [x, y] },
              {
                apply: (m) => m.load(x) + 2 * m.load(y),
              },
            ),
          )
          break
        }
        case 'fence':
          yield* effect('fence', 'fence', {}, { drains: true })
          break
        case 'nop':
          yield* effect('local', 'nop', {}, {})
          break
        case 'choose':
          note(
            frame,
            yield* effect(
              'choose',
              `choose ${step.value}`,
              {},
              {
                choices: step.value,
                apply: (_, choice) => choice,
              },
            ),
          )
          break
        case 'if':
          if (frame.r === step.value) yield* run(process, step.body, frame)
          break
        case 'call':
          note(frame, yield* call(helper, process, JSON.stringify(step.body), frame.r))
          break
        case 'loop':
          note(frame, yield* repeat(round, process, JSON.stringify(step.body), step.value))
          break
        case 'ipi': {
          // A program of fewer processes than an IPI asks for: the last one is meant.
          const bit = pending[Math.min(step.value, threads.length - 1)] as Cell
          yield* effect(
            'ipi',
            `IPI ${step.value}`,
            { writes: [bit] },
            {
              apply: (m) => {
                m.set(bit, 1)
                return 0
              },
            },
          )
          break
        }
        case 'cli':
        case 'sti':
        case 'iret':
          yield* interrupts(process, step.is === 'cli' ? 0 : 1, step.is)
          break
        default:
          throw new Error(`no instruction ${JSON.stringify(step satisfies never)}`)
      }
    }
  }

  function interrupts(process: number, on: number, kind: 'cli' | 'sti' | 'iret') {
    const flag = enable[process] as Cell
    return effect(
      kind,
      kind,
      { writes: [flag] },
      {
        drains: kind === 'iret',
        apply: (m) => {
          m.set(flag, on)
          return 0
        },
      },
    )
  }

  function* helper(process: number, code: string, register: number): Task<number> {
    const frame = { r: register, seen: 0 }
    yield* run(process, JSON.parse(code) as Code, frame)
    return frame.r % 2
  }

  function* round(process: number, code: string, wanted: number): Task<number | undefined> {
    const frame = { r: 0, seen: 0 }
    yield* run(process, JSON.parse(code) as Code, frame)
    return frame.r === wanted ? frame.r : undefined
  }

  function* main(process: number): Task<void> {
    const frame = { r: 0, seen: 0 }
    yield* run(process, threads[process]!.code, frame)
    if (!observe) return
    const out = outs[process] as Cell
    yield* effect(
      'local',
      `seen ${frame.seen}`,
      { writes: [out] },
      {
        apply: (m) => {
          m.set(out, frame.seen)
          return 0
        },
      },
    )
  }

  function* handle(process: number): Task<void> {
    const { code, open = false } = threads[process]!.handler!
    yield* run(process, code, { r: 0, seen: 0 })
    if (!open) yield* interrupts(process, 1, 'iret')
  }

  const processes = threads.map(({ handler, daemon = false, buffered = true, code }, p): Process => {
    const flag = enable[p] as Cell
    const bit = pending[p] as Cell
    const left = budget[p] as Cell
    const spontaneous = handler?.spontaneous ?? false
    const endless = spontaneous && handler?.budget === undefined
    const touched = spontaneous ? (endless ? [] : [left]) : [bit]
    const source: Source = {
      name: `handler ${p}`,
      label: `<handler ${p}>`,
      footprint: { reads: [flag, ...touched], writes: [flag, ...touched] },
      drains: true,
      masked: (m) => m.get(flag) === 0,
      optional: spontaneous,
      ready: (m) => (spontaneous ? endless || m.get(left) > 0 : m.get(bit) === 1),
      enter: (m) => {
        if (handler?.open !== true) m.set(flag, 0)
        if (!spontaneous) m.set(bit, 0)
        else if (!endless) m.set(left, m.get(left) - 1)
        return 0
      },
      frame: () => frame(handle, p),
    }
    return {
      name: `P${p}`,
      main: code.length === 0 ? undefined : frame(main, p),
      sources: handler === undefined ? [] : [source],
      buffered,
      daemon,
    }
  })
  return { cells: table, processes, bounds: [] }
}

/** The frame has observed a value. */
function note(frame: Registers, value: number): void {
  frame.r = value
  frame.seen = (frame.seen * 5 + value + 1) % 4294967291
}

/** `Wx1;Ry || Wy1;Rx`, under TSO or without store buffers. */
export function program(text: string, model: 'tso' | 'sc' = 'tso'): Program {
  return build(text.split('||').map((column) => ({ code: parse(column), buffered: model === 'tso' })))
}
