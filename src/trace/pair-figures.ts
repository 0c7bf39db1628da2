import { afterReturn, type PairedFlush, type Targets } from './pair.ts'
import type { FlushPairing } from './pair-tracker.ts'
import { weight } from './tally.ts'

/** The figures of a pairing, as tables give them. */
export interface PairFigures {
  readonly flushes: number
  readonly paired: number
  readonly unexplainedCalls: number
  /** Flush hypercalls before the guest's first event and after its last. */
  readonly outside: number
  readonly allProcessors: number
  readonly maskForm: number
  readonly exForm: number
  /** Hypercalls to one vCPU, and those of them to the caller itself. */
  readonly singleTarget: number
  readonly selfOnly: number
  /** Share of full flushes among the guest's, 0 to 1. */
  readonly fullShare: number
  /** (flush, vCPU) pairs asked for, and the runs that served them. */
  readonly orders: number
  readonly runs: number
  readonly wholeTlbRuns: number
  /** Orders of other vCPUs than the caller that were served before and after the hypercall returned. */
  readonly othersBeforeReturn: number
  readonly othersAfterReturn: number
  /** KVM's own interface: flushes that a preempted vCPU owed and did at entry. */
  readonly deferred: number
  /** Cycles from a hypercall's begin to its return: median, 90 %, 99 %, largest; null when there are none. */
  readonly hypercallCycles: readonly [number, number, number, number] | null
}

/** Counts a pairing. */
export function pairFigures(pairing: FlushPairing): PairFigures {
  const calls = pairing.flushes.filter((flush) => flush.call !== undefined)
  const inForm = (form: Targets['form']) => calls.filter((flush) => flush.call?.targets?.form === form)
  let orders = 0
  let before = 0
  let after = 0
  for (const flush of calls) {
    orders += flush.runs.size
    for (const vcpu of flush.runs.keys()) {
      if (vcpu === flush.guest.event.at.cpu) continue
      const late = afterReturn(flush, vcpu)
      if (late === true) after++
      else if (late === false) before++
    }
  }
  const full = pairing.flushes.filter((flush) => flush.guest.event.end >= 2 ** 64).length
  return {
    flushes: pairing.flushes.length,
    paired: calls.length,
    unexplainedCalls: pairing.unexplained.length,
    outside: pairing.outside,
    allProcessors: inForm('all processors').length,
    maskForm: inForm('mask').length,
    exForm: inForm('banks').length,
    singleTarget: calls.filter((flush) => onlyTarget(flush) !== undefined).length,
    selfOnly: calls.filter((flush) => onlyTarget(flush) === flush.guest.event.at.cpu).length,
    fullShare: pairing.flushes.length === 0 ? 0 : full / pairing.flushes.length,
    orders,
    runs: pairing.runs,
    wholeTlbRuns: pairing.wholeTlbRuns,
    othersBeforeReturn: before,
    othersAfterReturn: after,
    deferred: pairing.deferred,
    hypercallCycles: hypercallCycles(calls),
  }
}

function hypercallCycles(calls: readonly PairedFlush[]): PairFigures['hypercallCycles'] {
  const cycles = calls.flatMap(({ call }) => (call?.done === undefined ? [] : [call.done.time - call.time]))
  if (cycles.length === 0) return null
  cycles.sort((a, b) => a - b)
  const at = (q: number) => cycles[Math.min(cycles.length - 1, Math.floor(q * cycles.length))] ?? 0
  return [at(0.5), at(0.9), at(0.99), at(1)]
}

/** The one vCPU that a hypercall names, when it names one. */
function onlyTarget({ call }: PairedFlush): number | undefined {
  if (call?.targets?.form !== 'mask' || weight(call.targets.mask) !== 1) return undefined
  return call.targets.mask.toString(2).length - 1
}
