/**
 * Translations: which a CPU holds and which it can use, as a function of the state (MACHINE 1).
 *
 * Fills and evictions are no steps. A current translation of an active context may be cached at any time, so when an entry
 * changes, its old value joins the *stale set* of every CPU that could have walked it; an invalidation that covers it takes
 * it out. Each (TLB, context, address, frame) has a cell with a set of variants (permissions, incarnation), and likewise
 * each upper-level entry: these cells, not the sets as wholes, are what operations conflict over (EXPLORER 12).
 */
import type { Cell } from '../core/cells.ts'
import type { Footprint, Memory } from '../core/operation.ts'
import { Interner } from '../core/plain.ts'
import { FLAG, type Level, levelName, region, tableIndex } from './entries.ts'
import type { Cpu, Machine } from './machine.ts'

/** Attributes and incarnation of a translation: what distinguishes two that lead to the same frame. */
export interface Variant {
  readonly [key: string]: number
  /** {@link FLAG} bits, ANDed over the walk for writable and user. */
  readonly flags: number
  readonly incarnation: number
}

/** Told of each translation that a CPU holds or can use. */
export interface TranslationVisitor {
  /** A walk begins. */
  start?(): void
  /** A table that walks of tracked address `va` (its index) can enter. */
  table?(frame: number, level: Level, incarnation: number, va: number, flags: number): void
  /** A leaf translation of address `va` (its index). */
  leaf?(frame: number, incarnation: number, va: number, flags: number, stale: boolean): void
}

const views = new WeakMap<Memory, Memory>()

/** A memory whose reads are peeks: for checks of what is usable (see the lemma in checks.ts). */
export function peeking(memory: Memory): Memory {
  let view = views.get(memory)
  if (view === undefined) {
    const peek = (cell: Cell) => memory.peek(cell)
    view = {
      get: peek,
      peek,
      load: peek,
      set: (cell, value) => memory.set(cell, value),
      violate: (violation) => memory.violate(violation),
    }
    views.set(memory, view)
  }
  return view
}

const ALL_PERMISSIONS = FLAG.writable | FLAG.user

export class Translations {
  private readonly machine: Machine
  private readonly variants = new Interner<Variant>()
  private readonly frames: number
  private readonly tlbs: number
  private readonly numbers = new Map<bigint, number>()
  /** `regionOf[va][level]`: number of the upper-level entry that leads to a table of this level on the way to va. */
  private readonly regionOf: number[][] = []
  private readonly regionLevel: Level[] = []
  /** `[((tlb * contexts + context) * addresses + va) * frames + frame]`. */
  private readonly leaf: Cell[] = []
  /** `[((tlb * contexts + context) * regions + region) * frames + frame]`; undefined where the frame is no table of that level. */
  private readonly upper: (Cell | undefined)[] = []

  constructor(machine: Machine) {
    this.machine = machine
    this.frames = machine.options.frames.length
    this.tlbs = machine.options.tlbs ?? machine.cpus.length
    for (const [va, address] of machine.options.track.entries()) this.numbers.set(address >> 12n, va)
    if (machine.options.timed === true) return
    this.numberRegions()
    for (let tlb = 0; tlb < this.tlbs; tlb++) {
      for (let context = 0; context < machine.contexts; context++) this.declareStale(tlb, context)
    }
  }

  private numberRegions(): void {
    const numbers = new Map<string, number>()
    for (const va of this.machine.options.track) {
      const row: number[] = []
      for (let level = 1 as Level; level < this.machine.top; level++) {
        const key = `${level}:${region(va, (level + 1) as Level)}`
        let number = numbers.get(key)
        if (number === undefined) {
          number = numbers.size
          numbers.set(key, number)
          this.regionLevel.push(level)
        }
        row[level] = number
      }
      this.regionOf.push(row)
    }
  }

  private declareStale(tlb: number, context: number): void {
    const { cells, options } = this.machine
    const tag = this.machine.contexts > 1 ? `${tlb}.${context}` : `${tlb}`
    for (let va = 0; va < options.track.length; va++) {
      for (const { name } of options.frames) this.leaf.push(cells.add(`stale[${tag}] va${va}->${name}`, 1))
    }
    for (const level of this.regionLevel) {
      for (const { name, table } of options.frames) {
        const possible = table?.includes(level) ?? false
        this.upper.push(possible ? cells.add(`stale[${tag}] L${level + 1}->${name}`, 1) : undefined)
      }
    }
  }

  /** The physical TLB that a CPU uses now. */
  tlbOf(memory: Memory, cpu: Cpu): number {
    return cpu.tlb === undefined ? cpu.id : memory.get(cpu.tlb)
  }

  private leafCell(tlb: number, context: number, va: number, frame: number): Cell {
    const addresses = this.regionOf.length
    return this.leaf[((tlb * this.machine.contexts + context) * addresses + va) * this.frames + frame] as Cell
  }

  private upperCell(tlb: number, context: number, regionNumber: number, frame: number): Cell | undefined {
    const regions = this.regionLevel.length
    return this.upper[
      ((tlb * this.machine.contexts + context) * regions + regionNumber) * this.frames + frame
    ]
  }

  private join(memory: Memory, cell: Cell, flags: number, incarnation: number): void {
    memory.set(cell, memory.get(cell) | (1 << this.variants.id({ flags, incarnation })))
  }

  /** Visits every variant in a stale cell. */
  private eachVariant(memory: Memory, cell: Cell, visit: (variant: Variant) => void): void {
    for (let set = memory.get(cell), id = 0; set !== 0; set >>>= 1, id++) {
      if (set & 1) visit(this.variants.value(id))
    }
  }

  /** Walks current memory from a table downwards, as the hardware would for one address. */
  walkFrom(
    memory: Memory,
    va: number,
    start: {
      readonly frame: number
      readonly level: Level
      readonly incarnation: number
      readonly flags: number
    },
    visitor: TranslationVisitor,
  ): void {
    const { machine } = this
    let { frame, level, incarnation, flags } = start
    visitor.start?.()
    for (;;) {
      visitor.table?.(frame, level, incarnation, va, flags)
      const cell = machine.word(frame, tableIndex(machine.options.track[va] as bigint, level))
      if (cell === undefined) return
      const id = memory.get(cell)
      if (!machine.entries.present[id]) return
      const bits = machine.entries.flags[id] as number
      const combined = (flags & bits & ALL_PERMISSIONS) | (bits & ~ALL_PERMISSIONS)
      frame = machine.frameIndex(machine.entries.pfn[id] as number)
      incarnation = machine.entries.incarnation[id] as number
      if (level === 1 || (bits & FLAG.huge) !== 0) {
        visitor.leaf?.(frame, incarnation, va, combined, false)
        return
      }
      flags = combined & ALL_PERMISSIONS
      level = (level - 1) as Level
    }
  }

  /** The root of a context: the table that CR3 names. */
  private root(memory: Memory, cpu: Cpu) {
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
  private eachWalk(memory: Memory, cpu: Cpu, va: number, visitor: TranslationVisitor): void {
    const { pcid, start } = this.root(memory, cpu)
    if (start.frame < 0) return
    this.walkFrom(memory, va, start, visitor)
    const tlb = this.tlbOf(memory, cpu)
    const regions = this.regionOf[va] as number[]
    for (let level = 1 as Level; level < this.machine.top; level++) {
      for (let frame = 0; frame < this.frames; frame++) {
        const cell = this.upperCell(tlb, pcid, regions[level] as number, frame)
        if (cell === undefined || memory.get(cell) === 0) continue
        this.eachVariant(memory, cell, ({ flags, incarnation }) =>
          this.walkFrom(memory, va, { frame, level, incarnation, flags }, visitor),
        )
      }
    }
  }

  /** Stale leaf entries that the loaded context can hit: its own, and global ones of any context. */
  private eachStaleLeaf(
    memory: Memory,
    cpu: Cpu,
    va: number,
    visitor: TranslationVisitor,
    onlyFrame: number | undefined,
  ): void {
    const tlb = this.tlbOf(memory, cpu)
    const { pcid } = this.root(memory, cpu)
    for (let context = 0; context < this.machine.contexts; context++) {
      const last = onlyFrame ?? this.frames - 1
      for (let frame = onlyFrame ?? 0; frame <= last; frame++) {
        const cell = this.leafCell(tlb, context, va, frame)
        if (memory.get(cell) === 0) continue
        this.eachVariant(memory, cell, ({ flags, incarnation }) => {
          if (context === pcid || flags & FLAG.global) visitor.leaf?.(frame, incarnation, va, flags, true)
        })
      }
    }
  }

  /**
   * Everything that a CPU could use if it accessed every tracked address now: nothing outside guest mode. Leaves count
   * only at CPL 3 unless `anyMode` (MACHINE 1.5), and stale ones only for `onlyFrame` if that is given.
   */
  eachUsable(
    memory: Memory,
    cpu: Cpu,
    visitor: TranslationVisitor,
    scope: { readonly anyMode?: boolean; readonly onlyFrame?: number } = {},
  ): void {
    if (this.machine.timed || memory.get(cpu.guest) === 0) return
    const view = peeking(memory)
    const data = visitor.leaf !== undefined && (scope.anyMode === true || memory.get(cpu.user) === 1)
    const walks: TranslationVisitor = data ? visitor : { ...(visitor.table && { table: visitor.table }) }
    for (let va = 0; va < this.regionOf.length; va++) {
      this.eachWalk(view, cpu, va, walks)
      if (data) this.eachStaleLeaf(view, cpu, va, visitor, scope.onlyFrame)
    }
  }

  /**
   * A word of a table changes: what it made possible joins the stale set of every active context whose walks read it.
   * Called before the word changes.
   */
  entryChanges(memory: Memory, frame: number, index: number): void {
    if (this.machine.timed) return
    for (const cpu of this.machine.cpus) {
      if (memory.get(cpu.guest) === 0) continue
      for (let va = 0; va < this.regionOf.length; va++) this.joinChanged(memory, cpu, va, frame, index)
    }
  }

  private joinChanged(memory: Memory, cpu: Cpu, va: number, frame: number, index: number): void {
    const address = this.machine.options.track[va] as bigint
    // Once a walk has passed the changed word, all that it meets further down hangs on it.
    let below = false
    this.eachWalkLater(memory, cpu, va, {
      start: () => {
        below = false
      },
      table: (table, level, incarnation, _, flags) => {
        if (below) this.joinUpper(memory, cpu, va, level, table, flags, incarnation)
        if (table === frame && tableIndex(address, level) === index) below = true
      },
      leaf: (leaf, incarnation, _, flags) => {
        if (below) this.joinLeaf(memory, cpu, va, leaf, flags, incarnation)
      },
    })
  }

  /** As {@link eachWalk}, but visits when all walks are done, because joining changes what walks see. */
  private eachWalkLater(memory: Memory, cpu: Cpu, va: number, visitor: Required<TranslationVisitor>): void {
    const visits: (() => void)[] = []
    this.eachWalk(memory, cpu, va, {
      start: () => visits.push(() => visitor.start()),
      table: (...seen) => visits.push(() => visitor.table(...seen)),
      leaf: (...seen) => visits.push(() => visitor.leaf(...seen)),
    })
    for (const visit of visits) visit()
  }

  private joinLeaf(
    memory: Memory,
    cpu: Cpu,
    va: number,
    frame: number,
    flags: number,
    incarnation: number,
  ): void {
    const { pcid } = this.root(memory, cpu)
    this.join(memory, this.leafCell(this.tlbOf(memory, cpu), pcid, va, frame), flags, incarnation)
  }

  private joinUpper(
    memory: Memory,
    cpu: Cpu,
    va: number,
    level: Level,
    frame: number,
    flags: number,
    incarnation: number,
  ): void {
    if (level === this.machine.top) return
    const { pcid } = this.root(memory, cpu)
    const cell = this.upperCell(
      this.tlbOf(memory, cpu),
      pcid,
      (this.regionOf[va] as number[])[level] as number,
      frame,
    )
    if (cell !== undefined) this.join(memory, cell, flags, incarnation)
  }

  /** The context is left (MOV CR3 to another, VM exit): all that it could have cached stays behind as held (MACHINE 1.2). */
  deactivate(memory: Memory, cpu: Cpu): void {
    for (let va = 0; va < this.regionOf.length; va++) {
      this.eachWalkLater(memory, cpu, va, {
        start: () => {},
        table: (frame, level, incarnation, _, flags) =>
          this.joinUpper(memory, cpu, va, level, frame, flags, incarnation),
        leaf: (frame, incarnation, _, flags) => this.joinLeaf(memory, cpu, va, frame, flags, incarnation),
      })
    }
  }

  /** Takes leaf entries out: of one address or all, of one context or all; global ones only if `global`. */
  dropLeaves(memory: Memory, tlb: number, which: { va?: number; context?: number; global: boolean }): void {
    if (this.machine.timed) return
    const addresses = which.va === undefined ? this.regionOf.map((_, va) => va) : [which.va]
    for (let context = 0; context < this.machine.contexts; context++) {
      const own = which.context === undefined || which.context === context
      if (!own && !which.global) continue
      for (const va of addresses) {
        for (let frame = 0; frame < this.frames; frame++) {
          const cell = this.leafCell(tlb, context, va, frame)
          const set = memory.get(cell)
          if (set === 0) continue
          const globals = this.globalVariants(set)
          memory.set(cell, (own ? 0 : set & ~globals) | (which.global ? 0 : globals & set))
        }
      }
    }
  }

  private globalVariants(set: number): number {
    let globals = 0
    for (let id = 0; set >>> id !== 0; id++) {
      if ((set >>> id) & 1 && this.variants.value(id).flags & FLAG.global) globals |= 1 << id
    }
    return globals
  }

  /** Takes upper-level entries out: those that serve one address or all, of one context or all. */
  dropUppers(memory: Memory, tlb: number, which: { va?: number; context?: number }): void {
    const serving = which.va === undefined ? undefined : (this.regionOf[which.va] as number[])
    for (let context = 0; context < this.machine.contexts; context++) {
      if (which.context !== undefined && which.context !== context) continue
      for (let r = 0; r < this.regionLevel.length; r++) {
        if (serving !== undefined && !serving.includes(r)) continue
        for (let frame = 0; frame < this.frames; frame++) {
          const cell = this.upperCell(tlb, context, r, frame)
          if (cell !== undefined) memory.set(cell, 0)
        }
      }
    }
  }

  /** Number of a tracked address within the page (or huge page) of `address`, or undefined. */
  tracked(address: bigint): number | undefined {
    return this.numbers.get(address >> 12n)
  }

  /** Cells that decide what is held: of the given CPUs (or all) and frames (or all). */
  staleFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return [...this.leafFootprint(cpus, frames), ...this.upperFootprint(cpus, frames)]
  }

  leafFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return this.select(cpus, this.regionOf.length, frames, (tlb, x, va, f) => this.leafCell(tlb, x, va, f))
  }

  upperFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return this.select(cpus, this.regionLevel.length, frames, (tlb, x, r, f) => this.upperCell(tlb, x, r, f))
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
      for (let context = 0; context < this.machine.contexts; context++) {
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

  /** Cells that decide what a walk of current memory finds, and whether contexts are active. */
  walkFootprint(cpus: readonly Cpu[]): Cell[] {
    const own = cpus.flatMap((cpu) => [cpu.guest, cpu.cr3, ...(cpu.tlb === undefined ? [] : [cpu.tlb])])
    return [...own, ...this.machine.allWords, ...this.upperFootprint(cpus)]
  }

  /** What {@link entryChanges} reads and writes. */
  changeFootprint(): Footprint {
    const { cpus } = this.machine
    return { reads: this.walkFootprint(cpus), writes: this.staleFootprint(cpus) }
  }

  /** Lines for diagrams: who may hold what that its page tables no longer say. */
  describe(memory: Memory): string[] {
    const lines: string[] = []
    for (const cpu of this.machine.cpus) {
      const tlb = this.tlbOf(memory, cpu)
      const current = this.currentNames(memory, cpu)
      const held = new Set<string>()
      for (let context = 0; context < this.machine.contexts; context++) {
        for (let frame = 0; frame < this.frames; frame++) {
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
    for (let va = 0; va < this.regionOf.length; va++) {
      if (memory.get(this.leafCell(tlb, context, va, frame))) yield this.leafName(va, frame)
    }
    for (const [r, level] of this.regionLevel.entries()) {
      const cell = this.upperCell(tlb, context, r, frame)
      if (cell !== undefined && memory.get(cell)) yield this.upperName(level, frame)
    }
  }

  /** The same names for what the page tables of a CPU say now. */
  private currentNames(memory: Memory, cpu: Cpu): Set<string> {
    const names = new Set<string>()
    const { start } = this.root(memory, cpu)
    if (start.frame < 0) return names
    for (let va = 0; va < this.regionOf.length; va++) {
      this.walkFrom(memory, va, start, {
        table: (frame, level) => names.add(this.upperName(level, frame)),
        leaf: (frame) => names.add(this.leafName(va, frame)),
      })
    }
    return names
  }

  private leafName(va: number, frame: number): string {
    return `v${va === 0 ? '' : va}->${this.machine.options.frames[frame]?.name}`
  }

  private upperName(level: Level, frame: number): string {
    return `${levelName((level + 1) as Level, this.machine.top)}->${this.machine.options.frames[frame]?.name}`
  }
}
