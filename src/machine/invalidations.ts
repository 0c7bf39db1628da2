/** What invalidations take out of stale sets, or mark to be taken out (MACHINE 2). */
import type { Cell } from '../core/cells.ts'
import type { Memory } from '../core/operation.ts'
import { FLAG } from './entries.ts'
import type { Cpu } from './machine.ts'
import type { Pages, Regions } from './regions.ts'
import type { StaleSets } from './stale-sets.ts'

/** Which translations an invalidation is about. */
export interface Which {
  readonly pages?: Pages
  readonly context?: number
}

export class Invalidations {
  private readonly regions: Regions
  private readonly stale: StaleSets

  constructor(regions: Regions, stale: StaleSets) {
    this.regions = regions
    this.stale = stale
  }

  /** Takes leaf entries out: those that translate one of some pages or all, of one context or all; global ones only if `global`. */
  dropLeaves(memory: Memory, tlb: number, which: Which & { readonly global: boolean }): void {
    const hit = this.regions.of.map((_, va) => this.regions.variantsHit(va, which.pages))
    for (let context = 0; context < this.stale.contexts; context++) {
      const own = which.context === undefined || which.context === context
      if (!own && !which.global) continue
      for (const [va, size] of hit.entries()) {
        if (size === undefined) continue
        for (let frame = 0; frame < this.stale.frames; frame++) {
          const cell = this.stale.leafCell(tlb, context, va, frame)
          const set = memory.get(cell)
          if (set === 0) continue
          const globals = this.stale.variantsWith(set, FLAG.global)
          const gone = (own ? set & ~globals : 0) | (which.global ? globals : 0)
          memory.set(cell, set & ~this.stale.variantsWith(gone, size))
        }
      }
    }
  }

  /** Takes upper-level entries out: those that serve one of some pages or all, of one context or all. */
  dropUppers(memory: Memory, tlb: number, which: Which): void {
    for (let context = 0; context < this.stale.contexts; context++) {
      if (which.context !== undefined && which.context !== context) continue
      for (let r = 0; r < this.regions.levels.length; r++) {
        if (!this.regions.serves(r, which.pages)) continue
        for (let frame = 0; frame < this.stale.frames; frame++) {
          const cell = this.stale.upperCell(tlb, context, r, frame)
          if (cell !== undefined) memory.set(cell, 0)
        }
      }
    }
  }

  /** INVLPGB: marks what it asks to go on every CPU; all of it stays usable for now (MACHINE 2). */
  mark(
    memory: Memory,
    issuer: Cpu,
    which: Which & { readonly global: boolean; readonly finalOnly: boolean },
  ): void {
    const marks = this.marks()
    const hit = this.regions.of.map((_, va) => this.regions.variantsHit(va, which.pages))
    const covered = hit.flatMap((size, va) => (size === 0 ? [va] : []))
    for (let tlb = 0; tlb < this.stale.tlbs; tlb++) {
      for (let context = 0; context < this.stale.contexts; context++) {
        const own = which.context === undefined || which.context === context
        for (let frame = 0; frame < this.stale.frames; frame++) {
          for (const [va, size] of hit.entries()) {
            if (size === undefined) continue
            const cell = this.stale.leafCell(tlb, context, va, frame)
            const set = memory.get(cell)
            const globals = this.stale.variantsWith(set, FLAG.global)
            const gone = (own ? set & ~globals : 0) | (which.global ? globals : 0)
            marks.mark(memory, issuer, cell, this.stale.variantsWith(gone, size), [va])
          }
          for (let r = 0; own && !which.finalOnly && r < this.regions.levels.length; r++) {
            const cell = this.stale.upperCell(tlb, context, r, frame)
            if (cell === undefined || !this.regions.serves(r, which.pages)) continue
            marks.mark(
              memory,
              issuer,
              cell,
              memory.get(cell),
              covered.length > 0 ? covered : this.regions.servedBy(r),
            )
          }
        }
      }
    }
  }

  /** TLBSYNC: what the CPU's INVLPGBs have marked goes, everywhere. */
  dropMarked(memory: Memory, issuer: Cpu): void {
    this.marks().drop(memory, issuer)
  }

  /** What a CPU's {@link mark} and {@link dropMarked} touch. */
  markFootprint(issuer: Cpu): readonly Cell[] {
    return this.stale.marks?.of(issuer) ?? []
  }

  private marks() {
    const { marks } = this.stale
    if (marks === undefined) throw new RangeError('a machine that has INVLPGB needs `invlpgb: true`')
    return marks
  }
}
