/**
 * Events that could hurt (EXPLORER 19): a `safe` in which none of them can happen is a proof about nothing. Each is a condition
 * over cells, declared beside the thing that it is about, and searched for on its own.
 */
import type { Cell } from '../core/cells.ts'
import type { Memory } from '../core/operation.ts'
import type { Goal } from '../core/program.ts'
import type { Cpu, Machine } from './machine.ts'

/** Cells that tell that a CPU is inside a software walk: a lookup, an RCU section, an NMI handler. */
function walkCells(machine: Machine, cpu: Cpu): Cell[] {
  return [machine.lookups[cpu.id]!.cell, cpu.nmi, ...(machine.rcuSlots > 0 ? [cpu.readers.rcu] : [])]
}

function inWalk(machine: Machine, memory: Memory, cpu: Cpu): boolean {
  const lookup = machine.lookups[cpu.id]!
  if (lookup.decode(memory.get(lookup.cell)) !== null) return true
  return memory.get(cpu.nmi) === 1 || (machine.rcuSlots > 0 && memory.get(cpu.readers.rcu) > 0)
}

/** A vector becomes pending for a CPU in the middle of a software walk. */
export function pendingInWalk(machine: Machine, name: string, pending: readonly Cell[]): Goal {
  return {
    name: `${name} is pending for a CPU inside a software walk`,
    cells: () => machine.cpus.flatMap((cpu) => [pending[cpu.id]!, ...walkCells(machine, cpu)]),
    holds: (memory) =>
      machine.cpus.some((cpu) => memory.get(pending[cpu.id]!) === 1 && inWalk(machine, memory, cpu)),
  }
}

/** A vCPU loses its pCPU in the middle of a software walk of its guest. */
export function preemptedInWalk(machine: Machine, cpus: readonly Cpu[]): Goal {
  return {
    name: 'a vCPU is switched out inside a software walk',
    cells: () => cpus.flatMap((cpu) => [cpu.guest, ...walkCells(machine, cpu)]),
    holds: (memory) => cpus.some((cpu) => memory.get(cpu.guest) === 0 && inWalk(machine, memory, cpu)),
  }
}

/** Stale entries in the TLBs of CPUs that execute guest code: of pages at CPL 3, of tables at any. */
export function staleGoals(machine: Machine): readonly Goal[] {
  if (machine.timed) return []
  const { translations } = machine
  const some = (memory: Memory, cells: readonly Cell[]) => cells.some((cell) => memory.get(cell) !== 0)
  return [
    {
      name: 'a CPU in guest mode holds a stale entry to a page-table page',
      cells: () => machine.cpus.flatMap((cpu) => [cpu.guest, ...translations.upperFootprint([cpu])]),
      holds: (memory) =>
        machine.cpus.some(
          (cpu) => memory.get(cpu.guest) === 1 && some(memory, translations.upperFootprint([cpu])),
        ),
    },
    {
      name: 'a CPU in user mode holds a stale translation to a page',
      cells: () => machine.cpus.flatMap((cpu) => [cpu.guest, cpu.user, ...translations.leafFootprint([cpu])]),
      holds: (memory) =>
        machine.cpus.some(
          (cpu) =>
            memory.get(cpu.guest) === 1 &&
            memory.get(cpu.user) === 1 &&
            some(memory, translations.leafFootprint([cpu])),
        ),
    },
  ]
}
