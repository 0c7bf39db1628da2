import type { Run } from './host-replay.ts'
import type { CheckedFlush, PairChecker } from './pair-check.ts'

/** What one vCPU did about one flush. */
export interface VcpuOutcome {
  readonly vcpu: number
  /** When its flush ended, relative to the hypercall's return; undefined where the recording ends before. */
  readonly when: 'before the return' | 'after the return' | undefined
  /** Cycles from the hypercall's return to the end of the flush; negative before it. */
  readonly cycles: number | undefined
  readonly did: Run['did']
  /** Orders that the same run served, this one included. */
  readonly merged: number
  /** The queue had overflowed: everything was flushed though nobody asked for it. */
  readonly overflowed: boolean
}

/** The vCPUs that a flush reached, each with what it did. */
export function outcomesOf({ flush, order }: CheckedFlush): readonly VcpuOutcome[] {
  const returned = flush.call?.done?.time
  return [...(order?.served ?? [])].map(([vcpu, run]) => {
    const cycles = returned === undefined || !Number.isFinite(run.end) ? undefined : run.end - returned
    const when = cycles === undefined ? undefined : cycles > 0 ? 'after the return' : 'before the return'
    return { vcpu, when, cycles, did: run.did, merged: run.orders.length, overflowed: run.overflowed }
  })
}

/** Totals of a checked pair. */
export function pairTotals({ flushes, hostReplay, pairing }: PairChecker) {
  const all = [...flushes.values()]
  let [orders, before, after, open] = [0, 0, 0, 0]
  for (const one of all) {
    for (const outcome of outcomesOf(one)) {
      orders++
      if (outcome.when === 'before the return') before++
      else if (outcome.when === 'after the return') after++
      else open++
    }
  }
  const { runs } = hostReplay
  return {
    flushes: pairing.flushes.length,
    withHypercall: pairing.flushes.filter(({ call }) => call !== undefined).length,
    orders,
    before,
    after,
    open,
    runs: runs.length,
    merged: runs.filter((run) => run.orders.length > 1).length,
    overflowed: runs.filter((run) => run.overflowed).length,
    whole: runs.filter((run) => run.did === 'whole TLB').length,
    more: hostReplay.more,
  }
}
