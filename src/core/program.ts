/** A program: processes over cells, ready to be explored, replayed or timed. */
import type { Cell, CellTable } from './cells.ts'
import type { Footprint, Memory, Task, TaskFunction } from './operation.ts'

/** A function and its arguments: what a process starts with, or what is put on top of it. */
export interface Frame {
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
}

/** Makes a {@link Frame} of a task function. */
export function frame<A extends readonly unknown[]>(fn: (...args: A) => Task<unknown>, ...args: A): Frame {
  return { fn: fn as unknown as TaskFunction, args }
}

/**
 * Something that can start a frame on top of a process between any two of its operations: an interrupt vector, an NMI, an
 * event of the host, an RCU callback that has become ready.
 */
export interface Source {
  readonly name: string
  /** Cells of `masked`, `ready` and `enter`. */
  readonly footprint: Footprint
  /** Delivery waits until the store buffer is empty. */
  readonly drains: boolean
  /** Held off by state that only this process itself changes (IF, an NMI being handled, host mode). */
  masked(memory: Memory): boolean
  /** Can be delivered, if it is not masked. Whoever can make it so writes a cell of the footprint. */
  ready(memory: Memory): boolean
  /** Nobody asks for it (an NMI, a preemption by the host): an execution without it is fair all the same. */
  readonly optional?: boolean
  /** The cells on which `ready` depends, where that is known without evaluating it. */
  readonly waitsFor?: readonly Cell[]
  /** Takes delivery; what it gives back selects the frame. */
  enter(memory: Memory): number
  frame(raw: number): Frame
  /** As a diagram prints it: `<IPI: flush>`. */
  readonly label: string
  /** The frame is code of the hypervisor. */
  readonly host?: boolean
}

/** A vCPU, or another agent (RCU's callbacks, a device). */
export interface Process {
  /** `CPU0`, `rcu`: the heading of its column. */
  readonly name: string
  /** The CPU that it belongs to, if any: CPUs that run the same code are interchangeable. */
  readonly cpu?: number
  readonly main: Frame | undefined
  readonly sources: readonly Source[]
  /** Has a store buffer. */
  readonly buffered: boolean
  /** Need not be finished when everybody else is. */
  readonly daemon: boolean
}

/**
 * An event that could hurt, as a condition over cells: whether it can be reached says what a `safe` is about. Declared as data by
 * the machine, the kernel or the scenario.
 */
export interface Goal {
  /** One clause: `a grace period has to wait`. */
  readonly name: string
  /** All cells that `holds` looks at. */
  readonly cells: () => readonly Cell[]
  readonly holds: (memory: Memory) => boolean
}

/** What the engines run. */
export interface Program {
  readonly cells: CellTable
  readonly processes: readonly Process[]
  /** What limits the model itself (preemptions, NMIs, reallocations): printed with every verdict. */
  readonly bounds: readonly string[]
  /** Its question is progress: a fair execution that never ends is a violation. */
  readonly liveness?: boolean
  /** What could hurt, if it can happen: see {@link Goal}. */
  readonly goals?: readonly Goal[]
  /** Facts about a state worth a line beside a diagram: who holds a stale entry, which frame is free. */
  describe?(memory: Memory): readonly string[]
}
