/**
 * Threads over shared variables and nothing else: no page tables, no interrupts. What litmus tests and the small programs of the
 * literature are made of.
 */
import { CellTable } from '../core/cells.ts'
import { Operation, type Task } from '../core/operation.ts'
import { newHandleId } from '../core/plain.ts'
import { frame, type Process, type Program } from '../core/program.ts'
import { MadeOperations } from './made.ts'
import { rmw, type Variable } from './variables.ts'

/**
 * ```ts
 * const memory = new SharedMemory('tso')
 * const [x, y] = [memory.variable('x'), memory.variable('y')]
 * memory.thread(function* () { yield* store(x, 1); yield* load(y) })
 * memory.thread(function* () { yield* store(y, 1); yield* load(x) })
 * const { complete } = countTraces(memory.program()) // 4
 * ```
 */
export class SharedMemory {
  private readonly cells = new CellTable()
  private readonly processes: Process[] = []
  private readonly buffered: boolean

  /** @param model - `tso`: every thread has a store buffer */
  constructor(model: 'tso' | 'sc') {
    this.buffered = model === 'tso'
  }

  /** A variable that holds whole numbers from 0 up, as large as they get. */
  variable(name: string, initial = 0): Variable<number> {
    const cell = this.cells.add(name, 4, initial)
    const same = (value: number) => value
    const { buffered } = this
    const made = new MadeOperations()
    return { handleId: newHandleId(), cell, name, buffered, encode: same, decode: same, show: String, made }
  }

  /** `name[0]`, `name[1]`, ... */
  array(name: string, length: number, initial = 0): Variable<number>[] {
    return Array.from({ length }, (_, i) => this.variable(`${name}[${i}]`, initial))
  }

  /** One more thread; T0, T1, ... by default. */
  thread(body: () => Task<void>, name = `T${this.processes.length}`): void {
    const { buffered } = this
    this.processes.push({ name, main: frame(body), sources: [], buffered, daemon: false })
  }

  program(): Program {
    return { cells: this.cells, processes: this.processes, bounds: [] }
  }
}

/** `lock xadd`: gives the old value. */
export function fetchAdd(variable: Variable<number>, amount: number): Operation<number> {
  return rmw(variable, `fetch_add(%, ${amount})`, (old) => old + amount)
}

/** MFENCE. */
export function mfence(): Operation<void> {
  return new Operation<void>({ kind: 'fence', label: 'mfence', drains: true })
}

/** Takes a mutex of a thread library; locked, like {@link mutexUnlock}. */
export function mutexLock(mutex: Variable<number>): Operation<void> {
  const { cell } = mutex
  return new Operation<void>({
    kind: 'lock',
    label: `lock(${mutex.name})`,
    drains: true,
    footprint: () => ({ reads: [cell], writes: [cell] }),
    guard: (memory) => memory.get(cell) === 0,
    apply: (memory) => {
      memory.set(cell, 1)
      return 0
    },
  })
}

/** Takes a mutex if it is free, and says whether it did. It conflicts with every other operation on the mutex, also when it fails. */
export function mutexTryLock(mutex: Variable<number>): Operation<boolean> {
  const { cell } = mutex
  return new Operation<boolean>({
    kind: 'rmw',
    label: `trylock(${mutex.name})`,
    drains: true,
    footprint: () => ({ reads: [cell], writes: [cell] }),
    apply: (memory) => {
      const free = memory.get(cell) === 0
      memory.set(cell, 1)
      return free ? 1 : 0
    },
    decode: (raw) => raw === 1,
    explain: (raw) => (raw === 1 ? 'taken' : 'held already'),
  })
}

export function mutexUnlock(mutex: Variable<number>): Operation<void> {
  const { cell } = mutex
  return new Operation<void>({
    kind: 'unlock',
    label: `unlock(${mutex.name})`,
    drains: true,
    footprint: () => ({ writes: [cell] }),
    apply: (memory) => {
      memory.set(cell, 0)
      return 0
    },
  })
}

const NEVER = new Operation<void>({ kind: 'wait', label: 'failed assumption', guard: () => false })

/** A thread whose assumption is false stays where it is for ever: its execution counts as blocked. */
export function* assume(holds: boolean): Task<void> {
  if (!holds) yield* NEVER
}
