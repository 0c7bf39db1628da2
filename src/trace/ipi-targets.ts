import type { TraceEvent } from './events.ts'
import { Tally, weight } from './tally.ts'

/** The function whose sends are those of TLB flushes on kernels with `ipi:*` events. */
const FLUSH_CALLSITE = 'on_each_cpu_cond_mask'

/**
 * How many CPUs the initiator of a flush interrupts. The kernel logs the flush (reason 4) first and its IPIs
 * after it, on the same CPU. A lower bound: a CPU whose call queue is not empty gets no further IPI.
 */
export class IpiTargets {
  /** CPUs interrupted: number of flushes. */
  readonly perFlush = new Tally<number>(-1)
  /** Whether the recording has IPI events at all; without them every flush seems to interrupt nobody. */
  seen = false
  readonly #open: (number | undefined)[] = []

  add(event: TraceEvent): void {
    const { cpu } = event.at
    switch (event.kind) {
      case 'tlb_flush':
        if (event.reason !== 4) break
        this.#close(cpu)
        this.#open[cpu] = 0
        break
      case 'ipi_send_cpu':
      case 'ipi_send_cpumask': {
        if (!event.callsite.startsWith(FLUSH_CALLSITE)) break
        this.seen = true
        const sent = event.kind === 'ipi_send_cpu' ? 1 : weight(event.targets)
        if (this.#open[cpu] !== undefined) this.#open[cpu] += sent
        break
      }
      default:
    }
  }

  /** The recording has ended: counts the flushes that are still open. */
  finish(): void {
    for (let cpu = 0; cpu < this.#open.length; cpu++) this.#close(cpu)
  }

  #close(cpu: number): void {
    const interrupted = this.#open[cpu]
    if (interrupted !== undefined) this.perFlush.add(interrupted)
    this.#open[cpu] = undefined
  }
}
