/** Lines for diagrams: who may hold what that its page tables no longer say. */
import type { Memory } from '../core/operation.ts'
import { addressName, type Level, levelName } from './entries.ts'
import type { Cpu, Machine } from './machine.ts'
import type { Regions } from './regions.ts'
import type { StaleSets } from './stale-sets.ts'
import type { Walks } from './walks.ts'

export class Held {
  private readonly machine: Machine
  private readonly regions: Regions
  private readonly stale: StaleSets
  private readonly walks: Walks

  constructor(machine: Machine, regions: Regions, stale: StaleSets, walks: Walks) {
    this.machine = machine
    this.regions = regions
    this.stale = stale
    this.walks = walks
  }

  describe(memory: Memory): string[] {
    const lines: string[] = []
    for (const cpu of this.machine.cpus) {
      const tlb = this.walks.tlbOf(memory, cpu)
      const current = this.currentNames(memory, cpu)
      const held = new Set<string>()
      for (let context = 0; context < this.stale.contexts; context++) {
        for (let frame = 0; frame < this.stale.frames; frame++) {
          for (const name of this.heldNames(memory, tlb, context, frame))
            if (!current.has(name)) held.add(name)
        }
      }
      if (held.size > 0) lines.push(`CPU${cpu.id} may hold ${[...held].join(', ')}`)
    }
    return lines
  }

  /** Names of stale entries that lead to a frame: `v->X`, `PMD->T`. */
  private *heldNames(memory: Memory, tlb: number, context: number, frame: number): Iterable<string> {
    for (let va = 0; va < this.regions.of.length; va++) {
      if (memory.get(this.stale.leafCell(tlb, context, va, frame))) yield this.leafName(va, frame)
    }
    for (const [r, level] of this.regions.levels.entries()) {
      const cell = this.stale.upperCell(tlb, context, r, frame)
      if (cell !== undefined && memory.get(cell)) yield this.upperName(level, frame)
    }
  }

  /** The same names for what the page tables of a CPU say now. */
  private currentNames(memory: Memory, cpu: Cpu): Set<string> {
    const names = new Set<string>()
    const { start } = this.walks.root(memory, cpu)
    if (start.frame < 0) return names
    for (let va = 0; va < this.regions.of.length; va++) {
      this.walks.walkFrom(memory, va, start, {
        table: (frame, level) => names.add(this.upperName(level, frame)),
        leaf: (frame) => names.add(this.leafName(va, frame)),
      })
    }
    return names
  }

  private leafName(va: number, frame: number): string {
    return `${addressName(va)}->${this.machine.options.frames[frame]?.name}`
  }

  private upperName(level: Level, frame: number): string {
    return `${levelName((level + 1) as Level, this.machine.top)}->${this.machine.options.frames[frame]?.name}`
  }
}
