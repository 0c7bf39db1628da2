/**
 * The tracked addresses, and the upper-level entries on the way to them: what is numbered, which numbers an invalidation of some
 * pages is about.
 */
import { FLAG, type Level, region, tableIndex } from './entries.ts'

/** A run of 4 KiB pages, by page number. */
export interface Pages {
  readonly first: number
  readonly count: number
}

export class Regions {
  readonly addresses: readonly bigint[]
  /** `of[va][level]`: number of the upper-level entry that leads to a table of this level on the way to va. */
  readonly of: readonly (readonly number[])[]
  /** Per upper-level entry: the level of the table that it leads to. */
  readonly levels: readonly Level[]
  /** Per upper-level entry: the address bits that it stands for. */
  private readonly bases: readonly bigint[]
  private readonly indices: (number | undefined)[] = []

  /** @param numbered - the addresses to whose upper-level entries numbers are given: all, or none under a clock */
  constructor(addresses: readonly bigint[], numbered: readonly bigint[], top: Level) {
    const numbers = new Map<string, number>()
    const of: number[][] = []
    const levels: Level[] = []
    const bases: bigint[] = []
    for (const va of numbered) {
      const row: number[] = []
      for (let level = 1 as Level; level < top; level++) {
        const base = region(va, (level + 1) as Level)
        const key = `${level}:${base}`
        let number = numbers.get(key)
        if (number === undefined) {
          number = numbers.size
          numbers.set(key, number)
          levels.push(level)
          bases.push(base)
        }
        row[level] = number
      }
      of.push(row)
    }
    this.addresses = addresses
    this.of = of
    this.levels = levels
    this.bases = bases
  }

  /** The index of a tracked address into a table of a level. */
  indexOf(va: number, level: Level): number {
    const at = va * 8 + level
    let index = this.indices[at]
    if (index === undefined) {
      index = tableIndex(this.addresses[va] as bigint, level)
      this.indices[at] = index
    }
    return index
  }

  /** Tracked addresses that the entries of a region serve. */
  servedBy(regionNumber: number): number[] {
    return this.of.flatMap((row, va) => (row.includes(regionNumber) ? [va] : []))
  }

  /**
   * Which translations of a tracked address cover one of some pages: all (0), only those of large pages (their {@link FLAG}),
   * none (undefined). INVLPG of any address within a large page invalidates its translation.
   */
  variantsHit(va: number, pages: Pages | undefined): number | undefined {
    if (pages === undefined) return 0
    const page = Number((this.addresses[va] as bigint) >> 12n)
    const last = pages.first + pages.count - 1
    const meets = (size: number) => {
      const first = page - (page % size)
      return pages.first < first + size && last >= first
    }
    if (pages.count <= 0) return undefined
    return meets(1) ? 0 : meets(512) ? FLAG.huge : meets(512 * 512) ? FLAG.giant : undefined
  }

  /** Whether the entries of a region serve one of some pages. */
  serves(regionNumber: number, pages: Pages | undefined): boolean {
    if (pages === undefined) return true
    if (pages.count <= 0) return false
    const size = 512 ** (this.levels[regionNumber] as number)
    const first = Number(this.bases[regionNumber]) * size
    return pages.first < first + size && pages.first + pages.count > first
  }
}
