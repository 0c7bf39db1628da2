/**
 * Translations: which a CPU holds and which it can use, as a function of the state (MACHINE 1).
 *
 * Fills and evictions are no steps. A current translation of an active context may be cached at any time, so when an entry
 * changes, its old value joins the *stale set* of every CPU that could have walked it; an invalidation that covers it takes
 * it out. The parts: `regions.ts` numbers addresses, `stale-sets.ts` has the cells, `walks.ts` goes through tables, and
 * `invalidations.ts` takes out.
 */
import type { Cell } from '../core/cells.ts'
import type { Footprint, Memory } from '../core/operation.ts'
import { type Level, tableIndex } from './entries.ts'
import { Held } from './held.ts'
import { Invalidations, type Which } from './invalidations.ts'
import type { Cpu, Machine } from './machine.ts'
import { Regions } from './regions.ts'
import { StaleSets, type Variant } from './stale-sets.ts'
import { type TranslationVisitor, type WalkStart, Walks } from './walks.ts'

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

export class Translations {
  private readonly machine: Machine
  private readonly numbers = new Map<bigint, number>()
  private readonly regions: Regions
  private readonly stale: StaleSets
  private readonly walks: Walks
  private readonly invalidations: Invalidations
  private readonly held: Held

  constructor(machine: Machine) {
    const { track, timed } = machine.options
    this.machine = machine
    for (const [va, address] of track.entries()) this.numbers.set(address >> 12n, va)
    // Under a clock nobody asks what is held.
    this.regions = new Regions(track, timed === true ? [] : track, machine.top)
    this.stale = new StaleSets(machine, this.regions)
    this.walks = new Walks(machine, this.regions, this.stale)
    this.invalidations = new Invalidations(this.regions, this.stale)
    this.held = new Held(machine, this.regions, this.stale, this.walks)
  }

  /** The physical TLB that a CPU uses now. */
  tlbOf(memory: Memory, cpu: Cpu): number {
    return this.walks.tlbOf(memory, cpu)
  }

  /** Walks current memory from a table downwards, as the hardware would for one address. */
  walkFrom(memory: Memory, va: number, start: WalkStart, visitor: TranslationVisitor): void {
    this.walks.walkFrom(memory, va, start, visitor)
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
    for (let va = 0; va < this.regions.of.length; va++) {
      this.walks.eachWalk(view, cpu, va, walks)
      if (data) this.walks.eachStaleLeaf(view, cpu, va, visitor, scope.onlyFrame)
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
      for (let va = 0; va < this.regions.of.length; va++) this.joinChanged(memory, cpu, va, frame, index)
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
    if (walks === 'all') this.walks.eachWalk(memory, cpu, va, visitor)
    else this.walks.eachWalkFromStale(memory, cpu, va, visitor)
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
    const { pcid } = this.walks.root(memory, cpu)
    this.stale.join(
      memory,
      this.stale.leafCell(this.tlbOf(memory, cpu), pcid, va, frame),
      variant,
      from,
      fromBit,
    )
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
    const { pcid } = this.walks.root(memory, cpu)
    const number = this.regions.of[va]![level] as number
    const cell = this.stale.upperCell(this.tlbOf(memory, cpu), pcid, number, frame)
    if (cell !== undefined) this.stale.join(memory, cell, variant, from, fromBit)
  }

  /** The context is left (MOV CR3 to another, VM exit): all that it could have cached stays behind as held (MACHINE 1.2). */
  deactivate(memory: Memory, cpu: Cpu): void {
    if (this.machine.timed) return
    for (let va = 0; va < this.regions.of.length; va++) this.joinWalks(memory, cpu, va, 'everything')
  }

  /**
   * Upper-level entries of the active context are about to go: what walks through them may have filled by now stays behind,
   * as far as the invalidation does not take it out as well (INVLPG of v leaves what was filled for w).
   */
  settle(memory: Memory, cpu: Cpu): void {
    if (this.machine.timed || memory.get(cpu.guest) === 0) return
    for (let va = 0; va < this.regions.of.length; va++)
      this.joinWalks(memory, cpu, va, 'everything', 'from stale entries')
  }

  /** Takes leaf entries out: those that translate one of some pages or all, of one context or all; global ones only if `global`. */
  dropLeaves(memory: Memory, tlb: number, which: Which & { readonly global: boolean }): void {
    if (!this.machine.timed) this.invalidations.dropLeaves(memory, tlb, which)
  }

  /** Takes upper-level entries out: those that serve one of some pages or all, of one context or all. */
  dropUppers(memory: Memory, tlb: number, which: Which): void {
    if (!this.machine.timed) this.invalidations.dropUppers(memory, tlb, which)
  }

  /** INVLPGB: marks what it asks to go on every CPU; all of it stays usable for now (MACHINE 2). */
  mark(
    memory: Memory,
    issuer: Cpu,
    which: Which & { readonly global: boolean; readonly finalOnly: boolean },
  ): void {
    if (!this.machine.timed) this.invalidations.mark(memory, issuer, which)
  }

  /** TLBSYNC: what the CPU's INVLPGBs have marked goes, everywhere. */
  dropMarked(memory: Memory, issuer: Cpu): void {
    if (this.machine.timed) return
    for (const cpu of this.machine.cpus) this.settle(memory, cpu)
    this.invalidations.dropMarked(memory, issuer)
  }

  /** What a CPU's {@link mark} and {@link dropMarked} touch. */
  markFootprint(issuer: Cpu): readonly Cell[] {
    return this.invalidations.markFootprint(issuer)
  }

  /** Number of a tracked address within the page (or huge page) of `address`, or undefined. */
  tracked(address: bigint): number | undefined {
    return this.numbers.get(address >> 12n)
  }

  /** Cells that decide what is held: of the given CPUs (or all) and frames (or all). */
  staleFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    const stale = [...this.leafFootprint(cpus, frames), ...this.upperFootprint(cpus, frames)]
    const { marks } = this.stale
    return marks === undefined ? stale : [...stale, ...marks.about(stale)]
  }

  leafFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return this.stale.leafFootprint(cpus, frames)
  }

  upperFootprint(cpus: readonly Cpu[], frames?: readonly number[]): Cell[] {
    return this.stale.upperFootprint(cpus, frames)
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
    return this.held.describe(memory)
  }
}
