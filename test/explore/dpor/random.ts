/** Random programs of every kind of operation that the second engine covers, more of some kinds than any real code has. */
import fc from 'fast-check'
import type { Cell } from '../../../src/core/cells.ts'
import { CellTable } from '../../../src/core/cells.ts'
import { Operation, type Task } from '../../../src/core/operation.ts'
import { frame, type Program } from '../../../src/core/program.ts'
import { call, choose } from '../../../src/core/task.ts'
import { awaitXchg, cas, F, faa, lock, R, unlock, until, W, wait } from './operations.ts'

export interface Step {
  readonly is: (typeof KINDS)[number]
  readonly x: number
  readonly y: number
  readonly value: number
}

const KINDS = [
  'store',
  'load',
  'fence',
  'faa',
  'cas',
  'peek at',
  'swap',
  'conditional read',
  'conditional write',
  'choose',
  'await',
  'await both',
  'await either',
  'await equal',
  'await exchange',
  'lock',
  'unlock',
  'release',
  'store two',
  'load two',
  'copy later',
  'assert',
  'if',
  'call',
] as const

export type Kind = (typeof KINDS)[number]

export interface Shape {
  readonly threads: number
  readonly length: number
  readonly cells: number
  readonly kinds: Partial<Record<Kind, number>>
}

export interface RandomProgram {
  readonly threads: readonly {
    readonly steps: readonly Step[]
    readonly buffered: boolean
    readonly daemon: boolean
  }[]
  readonly cells: number
}

export function randomPrograms({ threads, length, cells, kinds }: Shape): fc.Arbitrary<RandomProgram> {
  const kind = fc.oneof(
    ...KINDS.flatMap((is) =>
      (kinds[is] ?? 0) > 0 ? [{ weight: kinds[is]!, arbitrary: fc.constant(is) }] : [],
    ),
  )
  const small = fc.integer({ min: 0, max: cells - 1 })
  const step = fc.record({ is: kind, x: small, y: small, value: fc.integer({ min: 0, max: 2 }) })
  const thread = fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: length }),
    buffered: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    daemon: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
  })
  return fc
    .array(thread, { minLength: 2, maxLength: threads })
    .map((some): RandomProgram => ({ threads: some, cells }))
}

/** The program, with store buffers or without any. */
export function buildRandom(random: RandomProgram, model: 'sc' | 'tso'): Program {
  const table = new CellTable()
  const cells = table.addArray('c', random.cells, 3)
  const mutex = table.add('mutex', 1)
  function* helper(x: Cell): Task<number> {
    const seen = yield* R(x)
    return seen % 2
  }
  function* body(steps: readonly Step[]): Task<void> {
    let r = 0
    let skip = false
    for (const step of steps) {
      if (skip) {
        skip = false
        continue
      }
      if (step.is === 'if') skip = r === 0
      else if (step.is === 'call') r = yield* call(helper, cells[step.x]!)
      else r = (yield* operation(step, cells, mutex, r)) ?? r
    }
  }
  return {
    cells: table,
    bounds: [],
    processes: random.threads.map(({ steps, buffered, daemon }, i) => ({
      name: `T${i}`,
      main: frame(body, steps as never),
      sources: [],
      buffered: buffered && model === 'tso',
      daemon,
    })),
  }
}

type Anything = Operation<number> | Operation<void>

function operation(
  step: Step,
  cells: readonly Cell[],
  mutex: Cell,
  r: number,
): Operation<number | undefined> {
  return make(step, cells, mutex, r) as Operation<number | undefined>
}

function make({ is, x: i, y: j, value }: Step, cells: readonly Cell[], mutex: Cell, r: number): Anything {
  const x = cells[i]!
  const y = cells[j]!
  switch (is) {
    case 'store':
      return W(x, value === 0 ? r + 1 : value)
    case 'load':
      return R(x)
    case 'fence':
      return F
    case 'faa':
      return faa(x, 1)
    case 'cas':
      return cas(x, value, value + 1)
    case 'peek at':
      return direct(`reads ${x} directly`, [x], [], (get) => get(x))
    case 'swap':
      return direct(`swap ${x} ${y}`, [x, y], [x, y], (get, set) => {
        const old = get(x)
        set(x, get(y))
        set(y, old)
        return old
      })
    case 'conditional read':
      return direct(`if ${x} is ${value}, ${y}`, [x, y], [], (get) => (get(x) === value ? get(y) : 7))
    case 'conditional write':
      return direct(`if ${x} is ${value}, ${y} = ${value}`, [x], [y], (get, set) => {
        if (get(x) !== value) return 0
        set(y, value)
        return 1
      })
    case 'choose':
      return choose(['yes', 'no'])
    case 'await':
      return until(x, `is ${value}`, (seen) => seen === value)
    case 'await both':
      return wait(
        { loads: [x, y] },
        `await ${x} = ${y} = ${value}`,
        (m) => m.load(x) === value && m.load(y) === value,
      )
    case 'await either':
      return wait(
        { reads: [x], loads: [y] },
        `await ${x} or ${y} ${value}`,
        (m) => m.get(x) === value || m.load(y) === value,
      )
    case 'await equal':
      return wait(
        { loads: [x], reads: [y] },
        `await ${x} == ${y} + ${value}`,
        (m) => m.load(x) === m.get(y) + value,
      )
    case 'await exchange':
      return awaitXchg(x, `not ${value}`, (old) => old !== value, value)
    case 'lock':
      return lock(mutex)
    case 'unlock':
      return unlock(mutex)
    case 'release':
      return W(mutex, 0)
    case 'store two':
      return later(`${x} = ${value}, ${y} beside it`, x, value, { writes: [x, y] }, (memory) => {
        memory.set(x, value)
        if (x !== y) memory.set(y, value + 1)
      })
    case 'load two':
      return new Operation<number>({
        kind: 'load',
        label: `load ${x} ${y}`,
        footprint: () => ({ loads: [x, y] }),
        apply: (memory) => memory.load(x) + 8 * memory.load(y),
        decode: (raw) => raw,
      })
    case 'copy later':
      return later(`${x} = ${y}, later`, undefined, 0, { reads: [y], writes: [x] }, (memory) =>
        memory.set(x, memory.get(y)),
      )
    case 'assert':
      return new Operation<void>({
        kind: 'assert',
        label: `assert ${x} != ${value}`,
        footprint: () => ({ reads: [x] }),
        apply: (memory) => {
          if (memory.get(x) === value)
            memory.violate({ property: 'assertion', message: `${x} is ${value}`, cells: [x] })
          return 0
        },
      })
    default:
      throw new Error(`no operation: ${is}`)
  }
}

/** An access that bypasses the store buffer, without draining it. */
function direct(
  label: string,
  reads: readonly Cell[],
  writes: readonly Cell[],
  act: (get: (cell: Cell) => number, set: (cell: Cell, value: number) => void) => number,
): Operation<number> {
  return new Operation<number>({
    kind: 'rmw',
    label,
    footprint: () => ({ reads, writes }),
    apply: (memory) =>
      act(
        (cell) => memory.get(cell),
        (cell, value) => memory.set(cell, value),
      ),
    decode: (raw) => raw,
  })
}

function later(
  label: string,
  cell: Cell | undefined,
  value: number,
  footprint: { readonly reads?: readonly Cell[]; readonly writes: readonly Cell[] },
  apply: (memory: import('../../../src/core/operation.ts').Memory) => void,
): Operation<void> {
  return new Operation<void>({
    kind: 'store',
    label,
    commit: { key: label, cell, value, label, footprint: () => footprint, apply },
  })
}
