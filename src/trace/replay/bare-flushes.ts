import type { TraceEvent, Where } from '../events.ts'
import { pagesOf } from '../page-counts.ts'

/** One half of a flush, whose other half, on the same CPU, has not come yet. */
interface Half {
  readonly at: Where
  readonly pages: number
}

/**
 * Flushes of a recording without probes. A native flush of others is `remote ipi send` and, where the CPU has the mm loaded,
 * `local mm shootdown` after it, until 5.12 before it; a flush that stays on its CPU is the latter alone. Xen's and Hyper-V's are their own event,
 * Xen's own part one event for each page and then `local mm shootdown`.
 */
export class BareFlushes {
  readonly #halves: (Half | undefined)[] = []
  readonly #order: 'others first' | 'own first'
  readonly #take: (at: Where, pages: number, remote: boolean) => void

  /** @param take is given each flush: where it began, its pages (-1 for all), and whether others were in the mask */
  constructor(
    order: 'others first' | 'own first',
    take: (at: Where, pages: number, remote: boolean) => void,
  ) {
    this.#order = order
    this.#take = take
  }

  add(event: TraceEvent): void {
    const { at } = event
    switch (event.kind) {
      case 'tlb_flush':
        if (event.reason === 3 || event.reason === 4) this.#flushed(event.reason, at, event.pages)
        break
      case 'xen_mmu_flush_tlb_multi':
      case 'hyperv_mmu_flush_tlb_multi':
        this.#take(at, pagesOf(event.start, event.end), true)
        break
      case 'sched_switch':
        // Between the halves preemption is off.
        this.#alone(at.cpu)
        break
      default:
    }
  }

  finish(): void {
    for (let cpu = 0; cpu < this.#halves.length; cpu++) this.#alone(cpu)
  }

  #flushed(reason: 3 | 4, at: Where, pages: number): void {
    const half = this.#halves[at.cpu]
    const isFirst = (reason === 4) === (this.#order === 'others first')
    if (isFirst) {
      this.#alone(at.cpu)
      this.#halves[at.cpu] = { at, pages }
      return
    }
    if (half === undefined || half.at.pid !== at.pid) {
      this.#take(at, pages, reason === 4)
      return
    }
    this.#halves[at.cpu] = undefined
    this.#take(half.at, half.pages, true)
  }

  /** No other half comes. */
  #alone(cpu: number): void {
    const half = this.#halves[cpu]
    this.#halves[cpu] = undefined
    if (half !== undefined) this.#take(half.at, half.pages, this.#order === 'others first')
  }
}
