import type { Space } from './address-spaces.ts'
import type { Bounds } from './generations.ts'

/** What a CPU has loaded; `init` is init_mm, and undefined is not known. */
export interface CpuView {
  readonly space: Space | 'init' | undefined
  /** Running a kernel thread on a borrowed address space. */
  readonly lazy: boolean | undefined
}

/** A view, and the lines between which it can have been the CPU's. */
interface Period {
  readonly view: CpuView
  /** The line that began it. */
  readonly from: number
  /** It may have lasted until this line: a context switch takes effect somewhere before the CPU's next event. */
  until: number
}

const PERIODS = 512

/** One CPU's address space, laziness and generation, replayed from what it did. */
export class CpuReplay {
  readonly #periods: Period[] = [{ view: { space: undefined, lazy: undefined }, from: 0, until: Infinity }]
  /** The generation up to which the loaded address space is flushed here; undefined when not known. */
  gen: Bounds | undefined
  /** The line at which that was last learnt. */
  genLine: number | undefined

  get view(): CpuView {
    return this.#periods.at(-1)!.view
  }

  /** The view before the last change. */
  get viewBefore(): CpuView {
    return (this.#periods.at(-2) ?? this.#periods.at(-1)!).view
  }

  /** The view changes with the event on this line; whoever looks before `until` may still see the old one. */
  change(view: CpuView, line: number, until: number): void {
    const last = this.#periods.at(-1)!
    last.until = until
    this.#periods.push({ view, from: line, until: Infinity })
    if (this.#periods.length > PERIODS) this.#periods.splice(0, PERIODS / 2)
  }

  /** The CPU's next event: its last change has taken effect. */
  settle(line: number): void {
    const before = this.#periods.at(-2)
    if (before !== undefined && before.until === Infinity) before.until = line
  }

  /** More is known of the present view than when it began. */
  learn(view: Partial<CpuView>): void {
    const last = this.#periods.at(-1)!
    this.#periods[this.#periods.length - 1] = { ...last, view: { ...last.view, ...view } }
  }

  /** The view when this line was written. */
  at(line: number): CpuView {
    return (
      this.#periods.findLast((period) => period.from <= line)?.view ?? { space: undefined, lazy: undefined }
    )
  }

  /** The line that began the view of this line; 0 for the first. */
  since(line: number): number {
    return this.#periods.findLast((period) => period.from <= line)?.from ?? 0
  }

  /** Every view that the CPU may have had between two lines, with the line that began each. */
  during(from: number, to: number): readonly { readonly view: CpuView; readonly since: number }[] {
    return this.#periods
      .filter((period) => period.from <= to && period.until >= from)
      .map((period) => ({ view: period.view, since: period.from }))
  }
}
