/**
 * Translations: which a CPU holds and which it can use, as a function of the state (MACHINE 1).
 *
 * Fills and evictions are no steps. A current translation of an active context may be cached at any time, so when an entry
 * changes, its old value joins the *stale set* of every CPU that could have walked it; an invalidation that covers it takes
 * it out. Each (TLB, context, address, frame) has a cell with a set of variants (permissions, incarnation), and likewise
 * each upper-level entry: these cells, not the sets as wholes, are what operations conflict over (EXPLORER 12).
 */
import { type Cell, cpuName } from '../core/cells.ts'
import type { Footprint, Memory } from '../core/operation.ts'
import { addressName, FLAG, type Level, levelName, region, tableIndex } from './entries.ts'
import type { Cpu, Machine } from './machine.ts'
import { Marks } from './marks.ts'

/** Attributes and incarnation of a translation: what distinguishes two that lead to the same frame. */
export interface Variant {
  readonly [key: string]: number
  /** {@link FLAG} bits, ANDed over the walk for writable and user. */
  readonly flags: number
  readonly incarnation: number
}

/** A run of 4 KiB pages, by page number. */
export interface Pages {
  readonly first: number
  readonly count: number
}

/** Which translations an invalidation is about. */
export interface Which {
  readonly pages?: Pages
  readonly context?: number
}

/** Told of each translation that a CPU holds or can use. */
export interface TranslationVisitor {
  /** A walk begins: at the root, or at a stale upper-level entry: its cell, and its variant's bit there. */
  start?(cell: Cell | undefined, bit: number): void
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

const ALL_PERMISSIONS = FLAG.writable | FLAG.user

export class Translations {
  private readonly machine: Machine
  private readonly variants = new VariantTable()
  private readonly indices: (number | undefined)[] = []
  private readonly frames: number
  private readonly tlbs: number
  private readonly numbers = new Map<bigint, number>()
  /** `regionOf[va][level]`: number of the upper-level entry that leads to a table of this level on the way to va. */
  private readonly regionOf: number[][] = []
  private readonly regionLevel: Level[] = []
  /** Per region: the address bits that it stands for. */
  private readonly regionBase: bigint[] = []
  /** `[((tlb * contexts + context) * addresses + va) * frames + frame]`. */
  private readonly leaf: Cell[] = []
  /** `[((tlb * contexts + context) * regions + region) * frames + frame]`; undefined where the frame is no table of that level. */
  private readonly upper: (Cell | undefined)[] = []
  /** What INVLPGB has marked, in a machine that has it. */
  private readonly marks: Marks | undefined

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
    if (machine.options.invlpgb === true) this.marks = this.declareMarks()
  }

  private declareMarks(): Marks {
    const marks = new Marks(this.machine)
    for (const [at, cell] of this.leaf.entries()) {
      marks.watch(cell, [Math.floor(at / this.frames) % this.regionOf.length])
    }
    for (const [at, cell] of this.upper.entries()) {
      if (cell !== undefined)
        marks.watch(cell, this.servedBy(Math.floor(at / this.frames) % this.regionLevel.length))
    }
    return marks
  }

  /** Tracked addresses that the entries of a region serve. */
  private servedBy(regionNumber: number): number[] {
    return this.regionOf.flatMap((row, va) => (row.includes(regionNumber) ? [va] : []))
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
          this.regionBase.push(region(va, (level + 1) as Level))
        }
        row[level] = number
      }
      this.regionOf.push(row)
    }
  }

  private declareStale(tlb: number, context: number): void {
    const { cells, options } = this.machine
    // A TLB that vCPUs share belongs to none of them.
    const owner = options.tlbs === undefined ? tlb : String(tlb)
    const tag = this.machine.contexts > 1 ? `.${context}` : ''
    for (let va = 0; va < options.track.length; va++) {
      for (const { name } of options.frames)
        this.leaf.push(cells.add(cpuName`stale[${owner}${tag}] ${addressName(va)}->${name}`, 1))
    }
    for (const level of this.regionLevel) {
      for (const { name, table } of options.frames) {
        const possible = table?.includes(level) ?? false
        const upper = cpuName`stale[${owner}${tag}] L${String(level + 1)}->${name}`
        this.upper.push(possible ? cells.add(upper, 1) : undefined)
      }
    }
  }

  /** The index of a tracked address into a table of a level. */
  private indexOf(va: number, level: Level): number {
    const at = va * 8 + level
    let index = this.indices[at]
    if (index === undefined) {
      index = tableIndex(this.machine.options.track[va] as bigint, level)
      this.indices[at] = index
    }
    return index
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

  private join(memory: Memory, cell: Cell, variant: Variant, from: Cell | undefined, fromBit: number): void {
    const id = this.variants.id(variant)
    if (id >= VARIANTS) throw new RangeError(`more than ${VARIANTS} kinds of translations in one program`)
    const set = memory.get(cell)
    const bit = 1 << id
    this.marks?.joined(memory, cell, bit, (set & bit) !== 0, from, fromBit)
    memory.set(cell, set | bit)
  }

  /** Visits every variant in a stale cell. */
  private eachVariant(memory: Memory, cell: Cell, visit: (variant: Variant, bit: number) => void): void {
    for (let set = memory.get(cell), id = 0; set !== 0; set >>>= 1, id++) {
      if (set & 1) visit(this.variants.value(id), 1 << id)
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
    for (;;) {
      visitor.table?.(frame, level, incarnation, va, flags)
      const cell = machine.word(frame, this.indexOf(va, level))
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
    const { start } = this.root(memory, cpu)
    if (start.frame < 0) return
    visitor.start?.(undefined, 0)
    this.walkFrom(memory, va, start, visitor)
    this.eachWalkFromStale(memory, cpu, va, visitor)
  }

  private eachWalkFromStale(memory: Memory, cpu: Cpu, va: number, visitor: TranslationVisitor): void {
    const { pcid } = this.root(memory, cpu)
    const tlb = this.tlbOf(memory, cpu)
    const regions = this.regionOf[va] as number[]
    for (let level = 1 as Level; level < this.machine.top; level++) {
      for (let frame = 0; frame < this.frames; frame++) {
        const cell = this.upperCell(tlb, pcid, regions[level] as number, frame)
        if (cell === undefined || memory.get(cell) === 0) continue
        this.eachVariant(memory, cell, ({ flags, incarnation }, bit) => {
          visitor.start?.(cell, bit)
          this.walkFrom(memory, va, { frame, level, incarnation, flags }, visitor)
        })
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
    this.joinWalks(memory, cpu, va, (table, level) => table === frame && tableIndex(address, level) === index)
  }

  /**
   * Joins what the walks of an address meet below the first table that `passes`, each walk for itself. All walks are done
   * before anything joins, because joining changes what walks see.
   */
  private joinWalks(
    memory: Memory,
    cpu: Cpu,
    va: number,
    passes: ((table: number, level: Level) => boolean) | 'everything',
    walks: 'all' | 'from stale entries' = 'all',
  ): void {
    const joins: (() => void)[] = []
    let below = false
    let from: Cell | undefined
    let fromBit = 0
    const visitor: TranslationVisitor = {
      start: (cell, bit) => {
        below = passes === 'everything'
        from = cell
        fromBit = bit
      },
      table: (table, level, incarnation, _, flags) => {
        if (below) {
          const [cell, bit] = [from, fromBit]
          joins.push(() => this.joinUpper(memory, cpu, va, level, table, { flags, incarnation }, cell, bit))
        }
        // Once a walk has passed the changed word, all that it meets further down hangs on it.
        if (passes !== 'everything' && passes(table, level)) below = true
      },
      leaf: (leaf, incarnation, _, flags) => {
        if (!below) return
        const [cell, bit] = [from, fromBit]
        joins.push(() => this.joinLeaf(memory, cpu, va, leaf, { flags, incarnation }, cell, bit))
      },
    }
    if (walks === 'all') this.eachWalk(memory, cpu, va, visitor)
    else this.eachWalkFromStale(memory, cpu, va, visitor)
    for (const join of joins) join()
  }

  private joinLeaf(
    memory: Memory,
    cpu: Cpu,
    va: number,
    frame: number,
    variant: Variant,
    from: Cell | undefined,
    fromBit: number,
  ): void {
    const { pcid } = this.root(memory, cpu)
    this.join(memory, this.leafCell(this.tlbOf(memory, cpu), pcid, va, frame), variant, from, fromBit)
  }

  private joinUpper(
    memory: Memory,
    cpu: Cpu,
    va: number,
    level: Level,
    frame: number,
    variant: Variant,
    from: Cell | undefined,
    fromBit: number,
  ): void {
    if (level === this.machine.top) return
    const { pcid } = this.root(memory, cpu)
    const number = (this.regionOf[va] as number[])[level] as number
    const cell = this.upperCell(this.tlbOf(memory, cpu), pcid, number, frame)
    if (cell !== undefined) this.join(memory, cell, variant, from, fromBit)
  }

  /** The context is left (MOV CR3 to another, VM exit): all that it could have cached stays behind as held (MACHINE 1.2). */
  deactivate(memory: Memory, cpu: Cpu): void {
    if (this.machine.timed) return
    for (let va = 0; va < this.regionOf.length; va++) this.joinWalks(memory, cpu, va, 'everything')
  }

  /**
   * Upper-level entries of the active context are about to go: what walks through them may have filled by now stays behind,
   * as far as the invalidation does not take it out as well (INVLPG of v leaves what was filled for w).
   */
  settle(memory: Memory, cpu: Cpu): void {
    if (this.machine.timed || memory.get(cpu.guest) === 0) return
    for (let va = 0; va < this.regionOf.length; va++)
      this.joinWalks(memory, cpu, va, 'everything', 'from stale entries')
  }

  /** Takes leaf entries out: those that translate one of some pages or all, of one context or all; global ones only if `global`. */
  dropLeaves(memory: Memory, tlb: number, which: Which & { readonly global: boolean }): void {
    if (this.machine.timed) return
    const hit = this.regionOf.map((_, va) => this.variantsHit(va, which.pages))
    for (let context = 0; context < this.machine.contexts; context++) {
      const own = which.context === undefined || which.context === context
      if (!own && !which.global) continue
      for (const [va, size] of hit.entries()) {
        if (size === undefined) continue
        for (let frame = 0; frame < this.frames; frame++) {
          const cell = this.leafCell(tlb, context, va, frame)
          const set = memory.get(cell)
          if (set === 0) continue
          const globals = this.variantsWith(set, FLAG.global)
          const gone = (own ? set & ~globals : 0) | (which.global ? globals : 0)
          memory.set(cell, set & ~this.variantsWith(gone, size))
        }
      }
    }
  }

  /**
   * Which translations of a tracked address cover one of some pages: all (0), only those of large pages (their {@link FLAG}),
   * none (undefined). INVLPG of any address within a large page invalidates its translation.
   */
  private variantsHit(va: number, pages: Pages | undefined): number | undefined {
    if (pages === undefined) return 0
    const page = Number((this.machine.options.track[va] as bigint) >> 12n)
    const last = pages.first + pages.count - 1
    const meets = (size: number) => {
      const first = page - (page % size)
      return pages.first < first + size && last >= first
    }
    if (pages.count <= 0) return undefined
    return meets(1) ? 0 : meets(512) ? FLAG.huge : meets(512 * 512) ? FLAG.giant : undefined
  }

  /** Those variants of a set that have all of some flags. */
  private variantsWith(set: number, flags: number): number {
    if (flags === 0) return set
    let found = 0
    for (let id = 0; set >>> id !== 0; id++) {
      if ((set >>> id) & 1 && (this.variants.value(id).flags & flags) === flags) found |= 1 << id
    }
    return found
  }

  /** Takes upper-level entries out: those that serve one of some pages or all, of one context or all. */
  dropUppers(memory: Memory, tlb: number, which: Which): void {
    if (this.machine.timed) return
    for (let context = 0; context < this.machine.contexts; context++) {
      if (which.context !== undefined && which.context !== context) continue
      for (let r = 0; r < this.regionLevel.length; r++) {
        if (!this.serves(r, which.pages)) continue
        for (let frame = 0; frame < this.frames; frame++) {
          const cell = this.upperCell(tlb, context, r, frame)
          if (cell !== undefined) memory.set(cell, 0)
        }
      }
    }
  }

  private serves(regionNumber: number, pages: Pages | undefined): boolean {
    if (pages === undefined) return true
    if (pages.count <= 0) return false
    const size = 512 ** (this.regionLevel[regionNumber] as number)
    const first = Number(this.regionBase[regionNumber]) * size
    return pages.first < first + size && pages.first + pages.count > first
  }

  /** INVLPGB: marks what it asks to go on every CPU; all of it stays usable for now (MACHINE 2). */
  mark(
    memory: Memory,
    issuer: Cpu,
    which: Which & { readonly global: boolean; readonly finalOnly: boolean },
  ): void {
    const marks = this.marks
    if (this.machine.timed) return
    if (marks === undefined) throw new RangeError('a machine that has INVLPGB needs `invlpgb: true`')
    const hit = this.regionOf.map((_, va) => this.variantsHit(va, which.pages))
    const covered = hit.flatMap((size, va) => (size === 0 ? [va] : []))
    for (let tlb = 0; tlb < this.tlbs; tlb++) {
      for (let context = 0; context < this.machine.contexts; context++) {
        const own = which.context === undefined || which.context === context
        for (let frame = 0; frame < this.frames; frame++) {
          for (const [va, size] of hit.entries()) {
            if (size === undefined) continue
            const cell = this.leafCell(tlb, context, va, frame)
            const set = memory.get(cell)
            const globals = this.variantsWith(set, FLAG.global)
            const gone = (own ? set & ~globals : 0) | (which.global ? globals : 0)
            marks.mark(memory, issuer, cell, this.variantsWith(gone, size), [va])
          }
          for (let r = 0; own && !which.finalOnly && r < this.regionLevel.length; r++) {
            const cell = this.upperCell(tlb, context, r, frame)
            if (cell === undefined || !this.serves(r, which.pages)) continue
            marks.mark(
              memory,
              issuer,
              cell,
              memory.get(cell),
              covered.length > 0 ? covered : this.servedBy(r),
            )
          }
        }
      }
    }
  }

  /** TLBSYNC: what the CPU's INVLPGBs have marked goes, everywhere. */
  dropMarked(memory: Memory, issuer: Cpu): void {
    if (this.machine.timed) return
    if (this.marks === undefined) throw new RangeError('a machine that has INVLPGB needs `invlpgb: true`')
    for (const cpu of this.machine.cpus) this.settle(memory, cpu)
    this.marks.drop(memory, issuer)
  }

  /** What a CPU's {@link mark} and {@link dropMarked} touch. */
  markFootprint(issuer: Cpu): readonly Cell[] {
    return this.marks?.of(issuer) ?? []
  }

  /** Number of a tracked address within the page (or huge page) of `address`, or undefined. */
  tracked(address: bigint): number | undefined {
    return this.numbers.get(address >> 12n)
  }

  /** Cells that decide what is held: of the given CPUs (or all) and frames (or all). */
  staleFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    const stale = [...this.leafFootprint(cpus, frames), ...this.upperFootprint(cpus, frames)]
    return this.marks === undefined ? stale : [...stale, ...this.marks.about(stale)]
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
    return `${addressName(va)}->${this.machine.options.frames[frame]?.name}`
  }

  private upperName(level: Level, frame: number): string {
    return `${levelName((level + 1) as Level, this.machine.top)}->${this.machine.options.frames[frame]?.name}`
  }
}
