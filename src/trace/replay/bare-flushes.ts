import type { TraceEvent, Where } from '../events.ts'
import { pagesOf } from '../page-counts.ts'

/** A flush that has been sent and whose own part, on the same CPU, has not come yet. */
interface Sent {
  readonly pid: number
}

/**
 * Flushes of a recording without probes. A native flush of others is `remote ipi send` and, where the CPU has the mm loaded,
 * `local mm shootdown` after it; a flush that stays on its CPU is the latter alone. Xen's and Hyper-V's are their own event,
 * Xen's own part one event for each page and then `local mm shootdown`.
 */
export class BareFlushes {
  readonly #sent: (Sent | undefined)[] = []
  readonly #take: (at: Where, pages: number, remote: boolean) => void

  /** @param take is given each flush: where it began, its pages (-1 for all), and whether others were in the mask */
  constructor(take: (at: Where, pages: number, remote: boolean) => void) {
    this.#take = take
  }

  add(event: TraceEvent): void {
    const { at } = event
    switch (event.kind) {
      case 'tlb_flush':
        if (event.reason === 4) {
          this.#take(at, event.pages, true)
          this.#sent[at.cpu] = { pid: at.pid }
        } else if (event.reason === 3) {
          if (this.#sent[at.cpu]?.pid === at.pid) this.#sent[at.cpu] = undefined
          else this.#take(at, event.pages, false)
        }
        break
      case 'xen_mmu_flush_tlb_multi':
      case 'hyperv_mmu_flush_tlb_multi':
        this.#take(at, pagesOf(event.start, event.end), true)
        break
      case 'sched_switch':
        // From sending to the own part preemption is off.
        this.#sent[at.cpu] = undefined
        break
      default:
    }
  }

  finish(): void {
    this.#sent.length = 0
  }
}
