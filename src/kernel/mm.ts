/** An mm: its page tables, its cpumask and generation, and the per-CPU state of the TLB code. */
import type { Handle } from '../core/plain.ts'
import { newHandleId } from '../core/plain.ts'
import type { FrameRef, Level, VirtualAddress } from '../machine/entries.ts'
import { type Entry, makeEntry, tableIndex } from '../machine/entries.ts'
import type { Machine } from '../machine/machine.ts'
import type { AddressSpace } from '../machine/spaces.ts'
import type { Variable } from '../machine/variables.ts'

export interface Mm extends Handle {
  readonly name: string
  readonly space: AddressSpace
  readonly pgd: FrameRef
  /** `mm_cpumask`: one flag per CPU. */
  readonly cpumask: readonly Variable<number>[]
  /** `mm->context.tlb_gen`. */
  readonly tlbGen: Variable<number>
  /** Page-table lock of the leaf table, and the lock of the levels above. */
  readonly ptl: Variable<number>
  readonly pmdLock: Variable<number>
}

/** Declares an mm whose root is a named frame, active on the given CPUs. */
export function declareMm(machine: Machine, name: string, root: string, cpus: readonly number[]): Mm {
  const pgd = machine.frame(root)
  const mm: Mm = {
    handleId: newHandleId(),
    name,
    space: machine.addressSpace(name, pgd),
    pgd,
    cpumask: machine.perCpu(`mm_cpumask(${name})`, (cpu) => (cpus.includes(cpu) ? 1 : 0)),
    tlbGen: machine.variable(`tlb_gen(${name})`, 1, 2),
    ptl: machine.variable(`ptl(${name})`),
    pmdLock: machine.variable(`pmd_lock(${name})`),
  }
  for (const cpu of cpus) machine.startIn(machine.cpus[cpu]!, mm.space)
  return mm
}

/** Fills a table's word in the initial state. */
export function setInitialEntry(
  machine: Machine,
  table: FrameRef,
  level: Level,
  va: VirtualAddress,
  entry: Entry,
): void {
  const cell = machine.word(machine.frameIndex(table.pfn), tableIndex(va, level))
  if (cell === undefined) throw new RangeError(`no word for 0x${va.toString(16)} at level ${level}`)
  machine.cells.setInitial(cell, machine.entries.id(entry))
}

/**
 * Maps an address in the initial state.
 *
 * @param tables - names of the tables below the root, from the top level down to level 1
 */
export function mapInitially(
  machine: Machine,
  mm: Mm,
  va: VirtualAddress,
  tables: readonly string[],
  leaf: Entry,
): void {
  let table = mm.pgd
  let level = machine.top
  for (const name of tables) {
    const below = machine.frame(name)
    setInitialEntry(machine, table, level, va, makeEntry(below, { writable: true, user: true }))
    table = below
    level = (level - 1) as Level
  }
  setInitialEntry(machine, table, level, va, leaf)
}
