/** One guest (a VM, or the whole of a bare machine) as the engine sees it: its program, its memory, and which cells matter. */
import type { Program } from '../core/program.ts'
import type { Cpu } from '../machine/machine.ts'
import { RAISES, TimedMemory } from './memory.ts'

const NOBODY: readonly number[] = []

export class Guest {
  readonly program: Program
  /** Processes below this number are vCPUs; the rest are agents (a thread of RCU's), which need no pCPU. */
  readonly cpus: number
  readonly memory: TimedMemory
  /** Its CPUs, where they are those of a machine: their flags tell interrupts-off windows and quiescent states. */
  readonly machineCpus: readonly Cpu[]
  /** Per process: cells whose change may make one of its sources ready. */
  private readonly raisedBy: (number[] | undefined)[]
  /** The kernel's function that flushes the own TLB, as a call names it: its bookkeeping takes time. */
  readonly flushFunction: unknown

  constructor(program: Program, machineCpus: readonly Cpu[] = [], flushFunction?: unknown) {
    this.flushFunction = flushFunction
    this.program = program
    this.machineCpus = machineCpus
    this.cpus = program.processes.findIndex((process) => process.daemon)
    if (this.cpus < 0) this.cpus = program.processes.length
    this.memory = new TimedMemory(program.cells, program.processes.length)
    this.raisedBy = new Array<number[] | undefined>(program.cells.size)
    for (const [process, { sources }] of program.processes.entries()) {
      for (const { footprint } of sources) {
        // A machine's sources name the cell that raises them first; of others any cell may be it.
        const reads = footprint.reads ?? []
        const cells = machineCpus.length > 0 ? reads.slice(0, 1) : [...reads, ...(footprint.writes ?? [])]
        for (const cell of new Set<number>(cells)) this.watch(cell, process)
      }
    }
  }

  private watch(cell: number, process: number): void {
    const known = this.raisedBy[cell] ?? []
    known.push(process)
    this.raisedBy[cell] = known
    this.memory.flags[cell]! |= RAISES
  }

  /** Processes whose sources depend on a cell. */
  raised(cell: number): readonly number[] {
    return this.raisedBy[cell] ?? NOBODY
  }

  interruptsOn(index: number): boolean {
    const cpu = this.machineCpus[index]
    return cpu === undefined || this.memory.peek(cpu.if) === 1
  }

  inGuest(index: number): boolean {
    const cpu = this.machineCpus[index]
    return cpu === undefined || this.memory.peek(cpu.guest) === 1
  }

  /** The CPU is outside read-side sections now. */
  quiescent(index: number): boolean {
    const cpu = this.machineCpus[index]
    if (cpu === undefined) return true
    return this.memory.peek(cpu.if) === 1 && this.memory.peek(cpu.readers.depth) === 0
  }
}
