/** Hardware walks: of current memory from CR3, from stale upper-level entries, and what stale leaf entries give. */
import type { Cell } from '../core/cells.ts'
import type { Memory } from '../core/operation.ts'
import { FLAG, type Level } from './entries.ts'
import type { Cpu, Machine } from './machine.ts'
import type { Regions } from './regions.ts'
import type { StaleSets } from './stale-sets.ts'

/** Told of each translation that a CPU holds or can use. */
export interface TranslationVisitor {
  /** A walk begins: at the root, or at a stale upper-level entry: its cell, and its variant's bit there. */
  start?(cell: Cell | undefined, bit: number): void
  /** A table that walks of tracked address `va` (its index) can enter. */
  table?(frame: number, level: Level, incarnation: number, va: number, flags: number): void
  /** A leaf translation of address `va` (its index). */
  leaf?(frame: number, incarnation: number, va: number, flags: number, stale: boolean): void
}

/** Where a walk begins: a table, and the permissions that the way there leaves. */
export interface WalkStart {
  readonly frame: number
  readonly level: Level
  readonly incarnation: number
  readonly flags: number
}

const ALL_PERMISSIONS = FLAG.writable | FLAG.user

export class Walks {
  private readonly machine: Machine
  private readonly regions: Regions
  private readonly stale: StaleSets

  constructor(machine: Machine, regions: Regions, stale: StaleSets) {
    this.machine = machine
    this.regions = regions
    this.stale = stale
  }

  /** The physical TLB that a CPU uses now. */
  tlbOf(memory: Memory, cpu: Cpu): number {
    return cpu.tlb === undefined ? cpu.id : memory.get(cpu.tlb)
  }

  /** Walks current memory from a table downwards, as the hardware would for one address. */
  walkFrom(memory: Memory, va: number, start: WalkStart, visitor: TranslationVisitor): void {
    const { machine } = this
    let { frame, level, incarnation, flags } = start
    for (;;) {
      visitor.table?.(frame, level, incarnation, va, flags)
      const cell = machine.word(frame, this.regions.indexOf(va, level))
      if (cell === undefined) return
      const id = memory.get(cell)
      if (!machine.entries.present[id]) return
      const bits = machine.entries.flags[id] as number
      const combined = (flags & bits & ALL_PERMISSIONS) | (bits & ~ALL_PERMISSIONS)
      frame = machine.frameIndex(machine.entries.pfn[id] as number)
      incarnation = machine.entries.incarnation[id] as number
      if (level === 1 || (bits & FLAG.huge) !== 0) {
        visitor.leaf?.(frame, incarnation, va, level === 3 ? combined | FLAG.giant : combined, false)
        return
      }
      flags = combined & ALL_PERMISSIONS
      level = (level - 1) as Level
    }
  }

  /** The root of a context: the table that CR3 names. */
  root(memory: Memory, cpu: Cpu) {
    const { root, pcid } = this.machine.cr3s.value(memory.get(cpu.cr3))
    return {
      pcid,
      start: {
        frame: this.machine.frameIndex(root.pfn),
        level: this.machine.top,
        incarnation: root.incarnation,
        flags: ALL_PERMISSIONS,
      },
    }
  }

  /** Current translations of the loaded context: from CR3 and from stale upper-level entries, through current words. */
  eachWalk(memory: Memory, cpu: Cpu, va: number, visitor: TranslationVisitor): void {
    const { start } = this.root(memory, cpu)
    if (start.frame < 0) return
    visitor.start?.(undefined, 0)
    this.walkFrom(memory, va, start, visitor)
    this.eachWalkFromStale(memory, cpu, va, visitor)
  }

  /** Those of them that begin at stale upper-level entries. */
  eachWalkFromStale(memory: Memory, cpu: Cpu, va: number, visitor: TranslationVisitor): void {
    const { pcid } = this.root(memory, cpu)
    const tlb = this.tlbOf(memory, cpu)
    const regions = this.regions.of[va] as readonly number[]
    for (let level = 1 as Level; level < this.machine.top; level++) {
      for (let frame = 0; frame < this.stale.frames; frame++) {
        const cell = this.stale.upperCell(tlb, pcid, regions[level] as number, frame)
        if (cell === undefined || memory.get(cell) === 0) continue
        this.stale.eachVariant(memory, cell, ({ flags, incarnation }, bit) => {
          visitor.start?.(cell, bit)
          this.walkFrom(memory, va, { frame, level, incarnation, flags }, visitor)
        })
      }
    }
  }

  /** Stale leaf entries that the loaded context can hit: its own, and global ones of any context. */
  eachStaleLeaf(
    memory: Memory,
    cpu: Cpu,
    va: number,
    visitor: TranslationVisitor,
    onlyFrame: number | undefined,
  ): void {
    const tlb = this.tlbOf(memory, cpu)
    const { pcid } = this.root(memory, cpu)
    for (let context = 0; context < this.stale.contexts; context++) {
      const last = onlyFrame ?? this.stale.frames - 1
      for (let frame = onlyFrame ?? 0; frame <= last; frame++) {
        const cell = this.stale.leafCell(tlb, context, va, frame)
        if (memory.get(cell) === 0) continue
        this.stale.eachVariant(memory, cell, ({ flags, incarnation }) => {
          if (context === pcid || flags & FLAG.global) visitor.leaf?.(frame, incarnation, va, flags, true)
        })
      }
    }
  }
}
