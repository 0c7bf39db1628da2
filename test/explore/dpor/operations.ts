/** Operations over plain cells, for programs whose traces are counted. */
import type { Cell } from '../../../src/core/cells.ts'
import { CellTable } from '../../../src/core/cells.ts'
import { type Footprint, type Memory, Operation, type Task } from '../../../src/core/operation.ts'
import { frame, type Program } from '../../../src/core/program.ts'

const number = (raw: number) => raw

/** A plain load. */
export function R(cell: Cell): Operation<number> {
  return new Operation<number>({
    kind: 'load',
    label: `R${cell}`,
    footprint: () => ({ loads: [cell] }),
    apply: (memory) => memory.load(cell),
    decode: number,
  })
}

/** A plain store: through the store buffer under TSO. */
export function W(cell: Cell, value: number): Operation<void> {
  return new Operation<void>({
    kind: 'store',
    label: `W${cell}=${value}`,
    commit: {
      key: `${cell}=${value}`,
      cell,
      value,
      label: `W${cell}=${value}`,
      footprint: () => ({ writes: [cell] }),
      apply: (memory) => memory.set(cell, value),
    },
  })
}

/** MFENCE. */
export const F = new Operation<void>({ kind: 'fence', label: 'F', drains: true })

/** A locked operation on one cell; gives the old value. It writes only when `update` gives a number. */
export function locked(
  cell: Cell,
  name: string,
  update: (old: number) => number | undefined,
  guard?: (old: number) => boolean,
): Operation<number> {
  return new Operation<number>({
    kind: 'rmw',
    label: `${name} ${cell}`,
    drains: true,
    footprint: () => ({ reads: [cell], writes: [cell] }),
    ...(guard && { guard: (memory: Memory) => guard(memory.get(cell)) }),
    apply: (memory) => {
      const old = memory.get(cell)
      const value = update(old)
      if (value !== undefined) memory.set(cell, value)
      return old
    },
    decode: number,
  })
}

export const faa = (cell: Cell, by: number) => locked(cell, `faa ${by}`, (old) => old + by)
export const xchg = (cell: Cell, value: number) => locked(cell, `xchg ${value}`, () => value)
/** A compare-and-swap that fails is a read. */
export const cas = (cell: Cell, expected: number, value: number) =>
  locked(cell, `cas ${expected} ${value}`, (old) => (old === expected ? value : undefined))
export const lock = (cell: Cell) =>
  locked(
    cell,
    'lock',
    () => 1,
    (old) => old === 0,
  )
/** Unlocks with a locked instruction, as a mutex of the thread library does. */
export const unlock = (cell: Cell) => locked(cell, 'unlock', () => 0)
/** Waits for a condition and exchanges at once. */
export const awaitXchg = (cell: Cell, name: string, holds: (old: number) => boolean, value: number) =>
  locked(cell, `await ${name} xchg ${value}`, () => value, holds)

/** Waits until a load would satisfy a condition. */
export function until(cell: Cell, name: string, holds: (value: number) => boolean): Operation<void> {
  return wait({ loads: [cell] }, `await ${cell} ${name}`, (memory) => holds(memory.load(cell)))
}

export function wait(
  footprint: Footprint,
  label: string,
  guard: (memory: Memory) => boolean,
): Operation<void> {
  return new Operation<void>({ kind: 'wait', label, footprint: () => footprint, guard })
}

const never = wait({}, 'failed assumption', () => false)

/** A thread whose assumption is false stays where it is. */
export function* assume(holds: boolean): Task<void> {
  if (!holds) yield* never
}

export type Model = 'sc' | 'tso'

/** Makes a program: `make` declares the cells and gives the threads. */
export function threadsOf(
  make: (cell: (name: string, initial?: number) => Cell, model: Model) => readonly (() => Task<void>)[],
): (model: Model) => Program {
  return (model) => {
    const cells = new CellTable()
    const threads = make((name, initial = 0) => cells.add(name, 4, initial), model)
    return {
      cells,
      bounds: [],
      processes: threads.map((thread, i) => ({
        name: `T${i}`,
        main: frame(thread),
        sources: [],
        buffered: model === 'tso',
        daemon: false,
      })),
    }
  }
}
