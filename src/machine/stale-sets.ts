/**
 * Stale sets as cells: each (TLB, context, address, frame) has one, with a set of variants (permissions, incarnation), and likewise
 * each upper-level entry. These cells, not the sets as wholes, are what operations conflict over (EXPLORER 12).
 */
import { type Cell, cpuName } from '../core/cells.ts'
import type { Memory } from '../core/operation.ts'
import { addressName } from './entries.ts'
import type { Cpu, Machine } from './machine.ts'
import { Marks } from './marks.ts'
import type { Regions } from './regions.ts'

/** Attributes and incarnation of a translation: what distinguishes two that lead to the same frame. */
export interface Variant {
  readonly [key: string]: number
  /** Bits of `FLAG`, ANDed over the walk for writable and user. */
  readonly flags: number
  readonly incarnation: number
}

/** Variants that one cell has bits for. */
const VARIANTS = 31

/** Numbers variants, in the order in which they are met. */
class VariantTable {
  private readonly ids = new Map<number, number>()
  private readonly values: Variant[] = []

  id(variant: Variant): number {
    const key = variant.incarnation * 256 + variant.flags
    let id = this.ids.get(key)
    if (id === undefined) {
      id = this.values.length
      this.ids.set(key, id)
      this.values.push(variant)
    }
    return id
  }

  value(id: number): Variant {
    return this.values[id] as Variant
  }
}

export class StaleSets {
  readonly frames: number
  readonly tlbs: number
  readonly contexts: number
  /** What INVLPGB has marked, in a machine that has it. */
  readonly marks: Marks | undefined
  private readonly machine: Machine
  private readonly regions: Regions
  private readonly variants = new VariantTable()
  /** `[((tlb * contexts + context) * addresses + va) * frames + frame]`. */
  private readonly leaf: Cell[] = []
  /** `[((tlb * contexts + context) * regions + region) * frames + frame]`; undefined where the frame is no table of that level. */
  private readonly upper: (Cell | undefined)[] = []

  constructor(machine: Machine, regions: Regions) {
    const { options } = machine
    this.machine = machine
    this.regions = regions
    this.frames = options.frames.length
    this.tlbs = options.tlbs ?? machine.cpus.length
    this.contexts = machine.contexts
    if (options.timed === true) return
    for (let tlb = 0; tlb < this.tlbs; tlb++) {
      for (let context = 0; context < this.contexts; context++) this.declareCells(tlb, context)
    }
    if (options.invlpgb === true) this.marks = this.declareMarks()
  }

  private declareCells(tlb: number, context: number): void {
    const { cells, options } = this.machine
    // A TLB that vCPUs share belongs to none of them.
    const owner = options.tlbs === undefined ? tlb : String(tlb)
    const tag = this.contexts > 1 ? `.${context}` : ''
    for (let va = 0; va < options.track.length; va++) {
      for (const { name } of options.frames)
        this.leaf.push(cells.add(cpuName`stale[${owner}${tag}] ${addressName(va)}->${name}`, 1))
    }
    for (const level of this.regions.levels) {
      for (const { name, table } of options.frames) {
        const possible = table?.includes(level) ?? false
        const upper = cpuName`stale[${owner}${tag}] L${String(level + 1)}->${name}`
        this.upper.push(possible ? cells.add(upper, 1) : undefined)
      }
    }
  }

  private declareMarks(): Marks {
    const { regions } = this
    const marks = new Marks(this.machine)
    for (const [at, cell] of this.leaf.entries()) {
      marks.watch(cell, [Math.floor(at / this.frames) % regions.of.length])
    }
    for (const [at, cell] of this.upper.entries()) {
      if (cell !== undefined)
        marks.watch(cell, regions.servedBy(Math.floor(at / this.frames) % regions.levels.length))
    }
    return marks
  }

  leafCell(tlb: number, context: number, va: number, frame: number): Cell {
    const addresses = this.regions.of.length
    return this.leaf[((tlb * this.contexts + context) * addresses + va) * this.frames + frame] as Cell
  }

  upperCell(tlb: number, context: number, regionNumber: number, frame: number): Cell | undefined {
    const regions = this.regions.levels.length
    return this.upper[((tlb * this.contexts + context) * regions + regionNumber) * this.frames + frame]
  }

  /**
   * A variant joins a set.
   *
   * @param from - the stale upper-level entry that the walk began at, if any, and its variant's bit there
   */
  join(memory: Memory, cell: Cell, variant: Variant, from: Cell | undefined, fromBit: number): void {
    const id = this.variants.id(variant)
    if (id >= VARIANTS) throw new RangeError(`more than ${VARIANTS} kinds of translations in one program`)
    const set = memory.get(cell)
    const bit = 1 << id
    this.marks?.joined(memory, cell, bit, (set & bit) !== 0, from, fromBit)
    memory.set(cell, set | bit)
  }

  /** Visits every variant in a stale cell. */
  eachVariant(memory: Memory, cell: Cell, visit: (variant: Variant, bit: number) => void): void {
    for (let set = memory.get(cell), id = 0; set !== 0; set >>>= 1, id++) {
      if (set & 1) visit(this.variants.value(id), 1 << id)
    }
  }

  /** Those variants of a set that have all of some flags. */
  variantsWith(set: number, flags: number): number {
    if (flags === 0) return set
    let found = 0
    for (let id = 0; set >>> id !== 0; id++) {
      if ((set >>> id) & 1 && (this.variants.value(id).flags & flags) === flags) found |= 1 << id
    }
    return found
  }

  leafFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return this.select(cpus, this.regions.of.length, frames, (tlb, x, va, f) => this.leafCell(tlb, x, va, f))
  }

  upperFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return this.select(cpus, this.regions.levels.length, frames, (tlb, x, r, f) =>
      this.upperCell(tlb, x, r, f),
    )
  }

  private select(
    cpus: readonly Cpu[],
    columns: number,
    frames: readonly number[] | undefined,
    cellOf: (tlb: number, context: number, column: number, frame: number) => Cell | undefined,
  ): Cell[] {
    const cells: Cell[] = []
    const chosen = frames ?? Array.from({ length: this.frames }, (_, i) => i)
    for (const tlb of this.tlbsOf(cpus)) {
      for (let context = 0; context < this.contexts; context++) {
        for (let column = 0; column < columns; column++) {
          for (const frame of chosen) {
            const cell = cellOf(tlb, context, column, frame)
            if (cell !== undefined) cells.push(cell)
          }
        }
      }
    }
    return cells
  }

  private tlbsOf(cpus: readonly Cpu[]): readonly number[] {
    if (this.machine.options.tlbs === undefined) return cpus.map((cpu) => cpu.id)
    return Array.from({ length: this.tlbs }, (_, i) => i)
  }
}
