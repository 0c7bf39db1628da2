/**
 * What INVLPGB has asked to go and TLBSYNC has not waited for yet (MACHINE 2): which elements of the stale sets are marked,
 * by which CPU.
 *
 * An element that was there at INVLPGB goes by that CPU's TLBSYNC; one that is filled afterwards does not. So an element that
 * joins a stale set loses its marks - it was current until now, and may have been filled since - unless it was filled through
 * a marked upper-level entry for an address of the same request: whenever a CPU carries the request out, both go.
 */
import type { Cell, CpuName } from '../core/cells.ts'
import type { Memory } from '../core/operation.ts'
import type { Cpu, Machine } from './machine.ts'

export class Marks {
  private readonly machine: Machine
  /** Per stale cell, issuing CPU and served address: the variants marked by a request for that address. */
  private readonly cells = new Map<Cell, ReadonlyMap<number, Cell>[]>()

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** Declares the marks of a stale cell, whose elements serve some addresses (their indices). */
  watch(stale: Cell, served: readonly number[]): void {
    const { cells } = this.machine
    const name = cells.name(stale)
    const of = cells.cells[stale]?.of
    const mark = (cpu: number, va: number): CpuName => ({
      text: `${name}, marked by CPU${cpu} for va${va}`,
      family: `${of?.family ?? name}, marked by CPU% for va${va}`,
      cpus: [...(of?.cpus ?? []), cpu],
    })
    const perCpu = this.machine.cpus.map(
      ({ id }) => new Map(served.map((va) => [va, cells.add(mark(id, va), 1)])),
    )
    this.cells.set(stale, perCpu)
  }

  /** Marks elements of a stale cell, for some addresses. */
  mark(memory: Memory, issuer: Cpu, stale: Cell, variants: number, addresses: readonly number[]): void {
    for (const [va, cell] of this.cells.get(stale)![issuer.id]!) {
      if (addresses.includes(va) && variants !== 0) memory.set(cell, memory.get(cell) | variants)
    }
  }

  /**
   * An element joins a stale cell.
   *
   * @param held - it is in already
   * @param from - the stale upper-level entry whose walk has led to it, if it was not the root: its cell and variant
   */
  joined(
    memory: Memory,
    stale: Cell,
    bit: number,
    held: boolean,
    from: Cell | undefined,
    fromBit: number,
  ): void {
    for (const [cpu, marks] of this.cells.get(stale)!.entries()) {
      for (const [va, cell] of marks) {
        const source = from === undefined ? undefined : this.cells.get(from)![cpu]!.get(va)
        const inherited = source !== undefined && (memory.get(source) & fromBit) !== 0
        const now = memory.get(cell)
        const marked = inherited && (!held || (now & bit) !== 0)
        if (marked !== ((now & bit) !== 0)) memory.set(cell, now ^ bit)
      }
    }
  }

  /** Takes out what a CPU has marked. */
  drop(memory: Memory, issuer: Cpu): void {
    for (const [stale, perCpu] of this.cells) {
      let gone = 0
      for (const cell of perCpu[issuer.id]!.values()) {
        gone |= memory.get(cell)
        memory.set(cell, 0)
      }
      const held = memory.get(stale)
      if ((held & gone) !== 0) memory.set(stale, held & ~gone)
    }
  }

  /** The marks that one CPU makes. */
  of(issuer: Cpu): Cell[] {
    return [...this.cells.values()].flatMap((perCpu) => [...perCpu[issuer.id]!.values()])
  }

  /** The marks of some stale cells, whoever makes them. */
  about(stale: readonly Cell[]): Cell[] {
    return stale.flatMap((cell) => this.cells.get(cell)!.flatMap((marks) => [...marks.values()]))
  }
}
