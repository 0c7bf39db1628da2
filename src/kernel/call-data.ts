/**
 * Call data (`call_single_data`) and the queue of each CPU (`call_single_queue`, an llist). The explorer has a cell for each
 * pair of CPUs and a flag for each entry of a queue, so that operations conflict over single ones. Under a clock, where a
 * guest may have a thousand CPUs, a queue is the word that it is in the kernel, and pairs share what they can.
 */
import { type Cell, cpuName } from '../core/cells.ts'
import { Operation } from '../core/operation.ts'
import type { Plain } from '../core/plain.ts'
import type { Goal } from '../core/program.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { Made } from '../machine/made.ts'
import { cpusOf } from '../machine/masks.ts'
import { LatestValue } from '../machine/recent.ts'
import type { Variable } from '../machine/variables.ts'
import type { SmpFunction } from './smp-function.ts'

/** A locked `call_single_data`; null when it is unlocked. */
export type CallSingleData = { readonly func: SmpFunction; readonly info: Plain } | null

/** The call data of all pairs of CPUs. */
export interface CallData {
  /** `csd[source][target]`. */
  of(source: number, target: number): Variable<CallSingleData>
  /** Whether any call is made at all. */
  readonly goal?: Goal
}

/** Pairs whose variables and operations are kept; with more of them, they are made when they are needed. */
const MOST_KEPT = 128 * 128

function show(data: CallSingleData): string {
  return data === null ? 'unlocked' : 'locked'
}

export function declareCallData(machine: Machine): CallData {
  if (machine.timed) return sharedCallData(machine)
  const ids = machine.cpus.map((cpu) => cpu.id)
  const all = ids.map((source) =>
    ids.map((target) =>
      machine.plainVariable<CallSingleData>(cpuName`csd[${source}->${target}]`, null, show),
    ),
  )
  const calls = all.flat()
  const goal: Goal = {
    name: 'a CPU calls others by IPI and waits for them',
    cells: () => calls.map((data) => data.cell),
    holds: (memory) => calls.some((data) => data.decode(memory.get(data.cell)) !== null),
  }
  return { of: (source, target) => all[source]![target]!, goal }
}

/** What a CPU calls is the same for all its targets, until all have unlocked their call data: then it may call again. */
function sharedCallData(machine: Machine): CallData {
  const count = machine.cpus.length
  const first = machine.cells.addBlock('csd', count * count, 2)
  const values = machine.cpus.map(() => new LatestValue<CallSingleData>(null))
  const make = (source: number, at: number) =>
    machine.variableAt<CallSingleData>((first + at) as Cell, 'csd', values[source]!, show)
  if (count * count > MOST_KEPT) return { of: (source, target) => make(source, source * count + target) }
  const kept: Variable<CallSingleData>[] = []
  return {
    of: (source, target) => {
      const at = source * count + target
      let variable = kept[at]
      if (variable === undefined) {
        variable = make(source, at)
        kept[at] = variable
      }
      return variable
    },
  }
}

/** `csd_lock()`, its wait: until an earlier call to the same CPU is done with the data. */
export function waitUntilUnlocked(csd: Variable<CallSingleData>, target: number): Operation<void> {
  const { made } = csd
  if (made.wait === undefined) made.wait = unlockedWait(csd, target)
  return made.wait
}

function unlockedWait({ cell, encode }: Variable<CallSingleData>, target: number): Operation<void> {
  const unlocked = encode(null)
  return new Operation<void>({
    kind: 'wait',
    label: `csd_lock(CPU${target})`,
    footprint: () => ({ loads: [cell] }),
    guard: (memory) => memory.load(cell) === unlocked,
  })
}

/** What has been queued for one CPU. */
export interface CallQueue {
  /** `llist_add()`: a locked exchange; gives true if the queue was empty, so that an IPI is due. */
  add(source: number): Operation<boolean>
  /** `llist_del_all()`: takes the whole queue in one locked exchange; gives the sources. */
  takeAll(): Operation<readonly number[]>
  /** The cell that tells whether call data of a source is on it. */
  entry(source: number): Cell
}

export function declareCallQueue(machine: Machine, cpu: Cpu): CallQueue {
  return machine.timed ? new ListQueue(machine, cpu) : new FlagQueue(machine, cpu)
}

/** A flag for each source. */
class FlagQueue implements CallQueue {
  private readonly cells: readonly Cell[]
  private readonly target: number

  constructor(machine: Machine, { id }: Cpu) {
    this.target = id
    this.cells = machine.cpus.map((source) => machine.variable(cpuName`queue[${id}] of CPU${source.id}`).cell)
  }

  add(source: number): Operation<boolean> {
    const { cells } = this
    return new Operation<boolean>({
      kind: 'rmw',
      label: `queue csd on CPU${this.target}`,
      drains: true,
      footprint: () => ({ reads: cells, writes: [cells[source]!] }),
      apply: (memory) => {
        const empty = cells.every((cell) => memory.get(cell) === 0)
        memory.set(cells[source]!, 1)
        return empty ? 1 : 0
      },
      decode: (raw) => raw === 1,
    })
  }

  entry(source: number): Cell {
    return this.cells[source]!
  }

  takeAll(): Operation<readonly number[]> {
    const { cells } = this
    return new Operation<readonly number[]>({
      kind: 'rmw',
      label: 'take queue',
      drains: true,
      footprint: () => ({ reads: cells, writes: cells }),
      apply: (memory) => {
        let taken = 0
        for (let source = 0; source < cells.length; source++) {
          if (memory.get(cells[source]!) === 0) continue
          memory.set(cells[source]!, 0)
          taken |= 1 << source
        }
        return taken
      },
      decode: (raw) => cpusOf(BigInt(raw)),
    })
  }
}

/** One word, as in the kernel: who is on the list is looked at right after it has been taken. */
class ListQueue implements CallQueue {
  private readonly cell: Cell
  private readonly target: number
  private waiting: number[] = []
  private taken: readonly number[] = []
  private readonly adds = new Made<number>(128)
  private readonly take: Operation<readonly number[]>

  constructor(machine: Machine, { id }: Cpu) {
    this.target = id
    this.cell = machine.variable(`queue[${id}]`).cell
    const footprint = () => ({ reads: [this.cell], writes: [this.cell] })
    this.take = new Operation<readonly number[]>({
      kind: 'rmw',
      label: 'take queue',
      drains: true,
      footprint,
      apply: (memory) => {
        this.taken = this.waiting
        this.waiting = []
        memory.set(this.cell, 0)
        return 0
      },
      decode: () => this.taken,
    })
  }

  add(source: number): Operation<boolean> {
    return this.adds.of(source, () => this.addition(source))
  }

  private addition(source: number): Operation<boolean> {
    return new Operation<boolean>({
      kind: 'rmw',
      label: `queue csd on CPU${this.target}`,
      drains: true,
      footprint: () => ({ reads: [this.cell], writes: [this.cell] }),
      apply: (memory) => {
        const empty = memory.get(this.cell) === 0
        this.waiting.push(source)
        memory.set(this.cell, this.waiting.length)
        return empty ? 1 : 0
      },
      decode: (raw) => raw === 1,
    })
  }

  entry(): Cell {
    return this.cell
  }

  takeAll(): Operation<readonly number[]> {
    return this.take
  }
}
