import { TLB_FLUSH_ALL } from './events.ts'
import { type Flush, handledOn, reach } from './flush.ts'
import { idleCount } from './flush-tracker.ts'
import { LogHistogram } from './log-histogram.ts'
import { PageCounts, pagesOf } from './page-counts.ts'
import { Tally, weight } from './tally.ts'

/** What the probes of a recording tell about flushes, which its plain events cannot. */
export class ProbeFigures {
  /** Flushes by whom they reached, as {@link reach} says. */
  readonly reach = new Tally<ReturnType<typeof reach>>('nobody')
  /** Pages asked for, of flushes with a request. */
  readonly asked = new PageCounts()
  /** Other CPUs in the mask of each remote flush, and other CPUs that executed it. */
  readonly maskOthers = new Tally<number>(-1)
  readonly handledOthers = new Tally<number>(-1)
  /** Remote flushes that free page tables: lazy CPUs are flushed too. */
  freedTables = 0
  /** Other CPUs in masks of flushes that free no tables: all, those that were skipped, those that were idle. */
  readonly lazy = { asked: 0, skipped: 0, idle: 0 }
  /** KVM: other CPUs that were preempted and left to the host, and those left for IPIs. */
  readonly preempted = { handed: 0, kept: 0 }
  /** Executions by what came of them; `range to full` ones had missed a generation. */
  readonly outcomes = new Tally<'range' | 'full' | 'range to full' | 'left mm' | 'nothing' | 'unknown'>(
    'unknown',
  )
  /** Time of the initiator in its remote flush, by the number of CPUs that executed it; in the unit of the clock. */
  readonly latency = new Map<number, LogHistogram>()
  /** All flushes. */
  flushes = 0

  /** Counts one flush. */
  add(flush: Flush): void {
    this.flushes++
    this.reach.add(reach(flush))
    if (flush.request !== undefined) this.asked.add(pagesOf(flush.request.start, flush.request.end))
    const full = flush.info?.end === TLB_FLUSH_ALL
    for (const handling of [flush.local, ...(flush.remote?.handlers ?? [])]) {
      if (handling === undefined) continue
      if (handling.outcome !== 'flushed') this.outcomes.add(handling.outcome)
      else if (full) this.outcomes.add('full')
      else this.outcomes.add(handling.pages === -1 ? 'range to full' : 'range')
    }
    this.#remote(flush)
  }

  #remote(flush: Flush): void {
    const { remote, info } = flush
    if (remote === undefined) return
    const self = 1n << BigInt(remote.at.cpu)
    const asked = remote.mask & ~self
    this.maskOthers.add(weight(asked))
    const handled = handledOn(flush)
    if (remote.returned !== undefined) this.#latency(weight(handled), remote.returned.time - remote.at.time)
    if (info?.freed === true) this.freedTables++
    if (remote.backend === 'xen' || remote.backend === 'hyperv') return
    const native = (remote.nativeMask ?? remote.mask) & ~self
    if (remote.backend === 'kvm') {
      this.preempted.handed += weight(asked & ~native)
      this.preempted.kept += weight(native)
    }
    this.handledOthers.add(weight(handled))
    if (info?.freed === true) return
    this.lazy.asked += weight(native)
    this.lazy.skipped += weight(native & ~handled)
    this.lazy.idle += idleCount(flush, native & ~handled)
  }

  #latency(cpus: number, time: number): void {
    const histogram = this.latency.get(cpus) ?? new LogHistogram()
    this.latency.set(cpus, histogram)
    histogram.add(time)
  }
}
