/**
 * RCU as a primitive with the kernel's guarantee: a callback runs after every read-side section that was open at
 * `call_rcu()` has ended. Interrupts-off regions, rcu_read_lock sections and NMI handlers are read-side sections (MACHINE
 * 4.3).
 *
 * The outermost sections of one kind follow each other on a CPU, so one counter per kind and CPU is exact: `open` counts
 * sections whose end is not visible yet. A snapshot copies it into the callback's wait count, and each end that becomes
 * visible takes one off both. Entries are visible at once; an end passes through the store buffer (MACHINE 3.3).
 */
import { type Cell, cpuName, type Permutation } from '../core/cells.ts'
import { type Memory, Operation, type Task } from '../core/operation.ts'
import { Interner, newHandleId, type Plain } from '../core/plain.ts'
import { type Frame, frame, type Source } from '../core/program.ts'
import type { Cpu, Machine } from './machine.ts'
import { present, storeOperation } from './variables.ts'

export type ReaderKind = 'irq' | 'rcu' | 'nmi'
const KINDS: readonly ReaderKind[] = ['irq', 'rcu', 'nmi']

/** The read-side sections of one CPU. */
export class ReaderState {
  readonly irq: Cell
  readonly rcu: Cell
  readonly nmi: Cell
  /** Depth of rcu_read_lock. */
  readonly depth: Cell
  /** Per callback slot and kind: section ends that the callback still waits for. */
  readonly waits: readonly Readonly<Record<ReaderKind, Cell>>[]

  constructor(machine: Machine, cpu: number) {
    const cell = (name: string, initial = 0) => machine.cells.add(cpuName`${name}[${cpu}]`, 1, initial)
    this.irq = cell('irqs-off sections')
    this.rcu = cell('rcu sections')
    this.nmi = cell('NMI sections')
    this.depth = cell('rcu depth')
    this.waits = Array.from({ length: machine.rcuSlots }, (_, slot) => ({
      irq: cell(`callback ${slot} waits for irqs-off`),
      rcu: cell(`callback ${slot} waits for rcu`),
      nmi: cell(`callback ${slot} waits for NMI`),
    }))
  }

  get all(): readonly Cell[] {
    return [this.irq, this.rcu, this.nmi, ...this.waits.flatMap((wait) => KINDS.map((kind) => wait[kind]))]
  }

  /** Cells that an end of one kind writes. */
  ends(kind: ReaderKind): readonly Cell[] {
    return [this[kind], ...this.waits.map((wait) => wait[kind])]
  }

  /** An end becomes visible; nothing without RCU. */
  leaveNow(memory: Memory, kind: ReaderKind): void {
    if (this.waits.length === 0) return
    for (const cell of this.ends(kind)) memory.set(cell, Math.max(0, memory.get(cell) - 1))
  }
}

/** An outermost section begins. */
export function enterReader(memory: Memory, cpu: Cpu, kind: ReaderKind): void {
  if (cpu.machine.rcuSlots > 0) memory.set(cpu.readers[kind], memory.get(cpu.readers[kind]) + 1)
}

/** An outermost section ends: a pseudo-store; nothing without RCU. */
export function* exitReader(cpu: Cpu, kind: ReaderKind): Task<void> {
  if (cpu.machine.rcuSlots === 0) return
  const { readers } = cpu
  yield* storeOperation(cpu.machine.options.memoryModel === 'tso', {
    key: `reader ${cpu.id} ${kind}`,
    cell: undefined,
    value: 0,
    label: kind === 'irq' ? 'end of irqs-off section' : 'end of rcu section',
    footprint: () => ({ reads: readers.ends(kind), writes: readers.ends(kind) }),
    apply: (memory) => readers.leaveNow(memory, kind),
  })
}

/** `rcu_read_lock()`, or preemption off in the sense of RCU-sched. */
export function rcuReadLock(cpu: Cpu, site: string): Operation<boolean> {
  const { readers } = cpu
  return new Operation<boolean>({
    kind: 'rcu',
    label: 'rcu_read_lock()',
    footprint: () => ({ writes: [readers.depth, readers.rcu] }),
    apply: (memory) => {
      const depth = memory.get(readers.depth)
      memory.set(readers.depth, depth + 1)
      if (depth === 0) enterReader(memory, cpu, 'rcu')
      return 1
    },
    decode: (raw) => raw === 1,
    removable: { what: 'grace-period', site: `${site}: rcu_read_lock` },
  })
}

/**
 * `rcu_read_unlock()`.
 *
 * @param locked - what {@link rcuReadLock} gave: false in a mutant that leaves it out
 */
export function* rcuReadUnlock(cpu: Cpu, locked: boolean): Task<void> {
  if (!locked) return
  const { readers } = cpu
  const left = yield* new Operation<number>({
    kind: 'rcu',
    label: 'rcu_read_unlock()',
    footprint: () => ({ writes: [readers.depth] }),
    apply: (memory) => {
      memory.set(readers.depth, memory.get(readers.depth) - 1)
      return memory.get(readers.depth)
    },
    decode: (raw) => raw,
  })
  if (left === 0) yield* exitReader(cpu, 'rcu')
}

/** An RCU callback: a task function and one plain argument. */
export type RcuCallback = (argument: Plain) => Task<void>

/** RCU of one machine: its callback slots, and the process on which callbacks run (a `rcuo` thread, on no CPU of the scenario). */
export class Rcu {
  readonly handleId = newHandleId()
  private readonly machine: Machine
  /** Per slot: 0 free, otherwise 1 + number of the callback. */
  private readonly queued: readonly Cell[]
  private readonly callbacks = new Interner<readonly [RcuCallbackHandle | null, Plain]>()

  constructor(machine: Machine) {
    this.machine = machine
    // Who waits in synchronize_rcu() is named by number.
    const renamed = (raw: number, permutation: Permutation): number => {
      if (raw === 0) return 0
      const [callback, argument] = this.callbacks.value(raw - 1)
      if (callback !== null || typeof argument !== 'number') return raw
      return 1 + this.callbacks.id([null, permutation[argument] ?? argument])
    }
    this.queued = Array.from({ length: machine.rcuSlots }, (_, slot) =>
      machine.cells.add(`rcu callback[${slot}]`, 2, 0, renamed),
    )
    machine.addAgent({
      name: 'rcu',
      main: undefined,
      sources: this.queued.map((_, slot) => this.slotSource(slot)),
      buffered: false,
      daemon: true,
    })
    machine.goals.push({
      name: 'a grace period has to wait for an open section',
      cells: () => this.queued.flatMap((cell, slot) => [cell, ...this.waits(slot)]),
      holds: (memory) => this.queued.some((cell, slot) => memory.get(cell) > 0 && !this.over(memory, slot)),
    })
    if (machine.rcuSlots > 0) machine.describers.push((memory) => this.describe(memory))
  }

  private waits(slot: number): Cell[] {
    return this.machine.cpus.flatMap((cpu) => KINDS.map((kind) => cpu.readers.waits[slot]![kind]))
  }

  private over(memory: Memory, slot: number): boolean {
    return this.waits(slot).every((cell) => memory.get(cell) === 0)
  }

  private slotSource(slot: number): Source {
    const queued = this.queued[slot]!
    return {
      name: `callback ${slot}`,
      label: '<grace period over>',
      footprint: { reads: [queued, ...this.waits(slot)], writes: [queued] },
      drains: false,
      masked: () => false,
      ready: (memory) =>
        memory.get(queued) > 0 && this.isCallback(memory.get(queued)) && this.over(memory, slot),
      enter: (memory) => {
        const raw = memory.get(queued)
        memory.set(queued, 0)
        return raw
      },
      frame: (raw) => this.callbackFrame(raw),
    }
  }

  private isCallback(raw: number): boolean {
    return this.callbacks.value(raw - 1)[0] !== null
  }

  private callbackFrame(raw: number): Frame {
    const [callback, argument] = this.callbacks.value(raw - 1)
    return frame(callback!.run, argument)
  }

  /** Takes a free slot and notes every section that is open now. */
  private snapshot(memory: Memory, raw: number, waits: boolean): void {
    const slot = this.queued.findIndex((cell) => memory.get(cell) === 0)
    if (slot < 0)
      throw new RangeError(
        `more than ${this.queued.length} RCU callbacks wait at the same time: raise rcuSlots`,
      )
    memory.set(this.queued[slot]!, raw)
    for (const { readers } of this.machine.cpus) {
      for (const kind of KINDS) memory.set(readers.waits[slot]![kind], waits ? memory.get(readers[kind]) : 0)
    }
  }

  private snapshotFootprint() {
    const { cpus } = this.machine
    return {
      reads: cpus.flatMap(({ readers }) => KINDS.map((kind) => readers[kind])),
      writes: [...this.queued, ...this.queued.flatMap((_, slot) => this.waits(slot))],
    }
  }

  /** Names a callback; made once per scenario, so that equal callbacks are equal. */
  callback(run: RcuCallback): RcuCallbackHandle {
    return { handleId: newHandleId(), run }
  }

  /**
   * `call_rcu()`: the snapshot is taken when the caller's earlier stores have drained. A mutant without the grace period
   * queues a callback that waits for nothing.
   */
  *callRcu(callback: RcuCallbackHandle, argument: Plain, site: string): Task<void> {
    const raw = 1 + this.callbacks.id([callback, argument])
    const waits = yield* present({ what: 'grace-period', site: `${site}: call_rcu` })
    yield* storeOperation(this.machine.options.memoryModel === 'tso', {
      key: `call_rcu ${this.handleId} ${raw} ${waits}`,
      cell: undefined,
      value: 0,
      label: waits ? 'grace period begins' : 'callback queued',
      footprint: () => this.snapshotFootprint(),
      apply: (memory) => this.snapshot(memory, raw, waits),
    })
  }

  /** `synchronize_rcu()`: waits for every section that is open now. */
  *synchronizeRcu(cpu: Cpu, site: string): Task<void> {
    const raw = 1 + this.callbacks.id([null, cpu.id])
    const begun = yield* new Operation<number>({
      kind: 'rcu',
      label: 'synchronize_rcu()',
      drains: true,
      footprint: () => this.snapshotFootprint(),
      apply: (memory) => {
        this.snapshot(memory, raw, true)
        return 1
      },
      decode: (seen) => seen,
      removable: { what: 'grace-period', site: `${site}: synchronize_rcu` },
    })
    if (begun === 0) return
    yield* new Operation<void>({
      kind: 'wait',
      label: 'grace period over',
      footprint: () => ({ reads: this.queued.flatMap((_, slot) => this.waits(slot)), writes: this.queued }),
      guard: (memory) => this.over(memory, this.slotOf(memory, raw)),
      apply: (memory) => {
        memory.set(this.queued[this.slotOf(memory, raw)]!, 0)
        return 0
      },
    })
  }

  private slotOf(memory: Memory, raw: number): number {
    return this.queued.findIndex((cell) => memory.get(cell) === raw)
  }

  private describe(memory: Memory): string[] {
    return this.queued.flatMap((cell, slot) =>
      memory.get(cell) > 0 && !this.over(memory, slot) ? ['a grace period is waited for'] : [],
    )
  }
}

/** What {@link Rcu.callback} makes. */
export interface RcuCallbackHandle {
  readonly handleId: number
  readonly run: RcuCallback
}
