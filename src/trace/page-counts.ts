/** The classes of flush sizes that tables print, by their largest number of pages; a full flush is apart. */
export const PAGE_CLASSES = [
  { name: '1', last: 1 },
  { name: '2-3', last: 3 },
  { name: '4-8', last: 8 },
  { name: '9-16', last: 16 },
  { name: '17-33', last: 33 },
  { name: '>33', last: Number.POSITIVE_INFINITY },
] as const

/** Heads of the columns of {@link PageCounts.classes}. */
export const CLASS_NAMES: readonly string[] = [...PAGE_CLASSES.map(({ name }) => name), 'full']

/** Sizes above this are counted together, so that a table of sizes stays small whatever the input. */
const LARGEST = 4096

/** How many flushes of how many pages there were. */
export class PageCounts {
  total = 0
  full = 0
  /** Ranged flushes by their pages. */
  readonly ranged = new Map<number, number>()

  /** Counts `n` flushes of `pages` pages; -1 is a full flush, as in the `tlb_flush` event. */
  add(pages: number, n = 1): void {
    this.total += n
    if (pages < 0) this.full += n
    else {
      const size = Math.min(pages, LARGEST)
      this.ranged.set(size, (this.ranged.get(size) ?? 0) + n)
    }
  }

  /** Adds all that `other` has counted. */
  merge(other: PageCounts): void {
    for (const [pages, n] of other.ranged) this.add(pages, n)
    this.add(-1, other.full)
  }

  /** Share of full flushes, 0 to 1; 0 when there are none at all. */
  get fullShare(): number {
    return this.total === 0 ? 0 : this.full / this.total
  }

  /** Counts in the classes of {@link PAGE_CLASSES}, then of full flushes. */
  classes(): readonly number[] {
    const counts: number[] = PAGE_CLASSES.map(() => 0)
    for (const [pages, n] of this.ranged) {
      const index = PAGE_CLASSES.findIndex(({ last }) => pages <= last)
      counts[index] = counts[index]! + n
    }
    return [...counts, this.full]
  }

  /** As plain data for JSON: `{ total, full, ranged: { pages: count } }`. */
  toJSON(): { total: number; full: number; ranged: Record<string, number> } {
    const sorted = [...this.ranged].sort(([a], [b]) => a - b)
    return { total: this.total, full: this.full, ranged: Object.fromEntries(sorted) }
  }
}

/** Pages of a flush from `start` to `end` in the unit of the `tlb_flush` event: 4 KiB, -1 for a full flush. */
export function pagesOf(start: number, end: number): number {
  return end >= 2 ** 64 ? -1 : Math.floor((end - start) / 4096)
}
