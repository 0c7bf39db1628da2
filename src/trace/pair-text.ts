import type { Style } from '../report/style.ts'
import { columns, percent } from './columns.ts'
import type { PairFigures } from './pair-figures.ts'

function quantileRows({ hypercallCycles }: PairFigures): readonly (readonly [string, number])[] {
  if (hypercallCycles === null) return []
  const names = ['median', '90 %', '99 %', 'largest']
  return hypercallCycles.map((cycles, i) => [`cycles of a hypercall, ${names[i]}`, cycles])
}

/** A guest's flushes and its host's hypercalls, in figures. */
export function formatPair(figures: PairFigures, style: Style): string {
  const others = figures.othersAfterReturn + figures.othersBeforeReturn
  const rows: readonly (readonly [string, string | number])[] = [
    ['flushes of the guest', figures.flushes],
    ['with their hypercall', figures.paired],
    ['hypercalls that no flush explains', figures.unexplainedCalls],
    ['hypercalls before and after the recording of the guest', figures.outside],
    ['all processors', figures.allProcessors],
    ['a mask of processors', figures.maskForm],
    ['a sparse set of processors (Ex)', figures.exForm],
    ['to one processor', figures.singleTarget],
    ['to the caller alone', figures.selfOnly],
    ['full flushes, %', percent(figures.fullShare, 1)],
    ['orders (flush, vCPU) whose vCPU is known', figures.orders],
    ['runs of vCPUs that served them', figures.runs],
    ['runs that flushed the whole TLB', figures.wholeTlbRuns],
    ['orders of other vCPUs done after the return, %', percent(figures.othersAfterReturn, others)],
    ['flushes of preempted vCPUs done at entry (KVM)', figures.deferred],
    ...quantileRows(figures),
  ]
  return `${style.bold('Guest and host')}\n${columns(['', 'count'], rows, style)}`
}
