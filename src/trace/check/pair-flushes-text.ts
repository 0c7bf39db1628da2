import type { Style } from '../../report/style.ts'
import { pagesOf } from '../page-counts.ts'
import type { FlushCall } from '../pair.ts'
import { cpusOfMask } from './mask-replay.ts'
import type { CheckedFlush, PairChecker } from './pair-check.ts'
import { outcomesOf, type VcpuOutcome } from './pair-outcome.ts'

/** Every flush of a pair: what was asked of the hypervisor, and below it what each vCPU did about it, and when. */
export function formatPairFlushes({ flushes }: PairChecker, style: Style): string {
  return [style.bold('Flush by flush'), ...[...flushes.values()].flatMap(flushText)].join('\n')
}

function flushText(checked: CheckedFlush): readonly string[] {
  const { guest, call } = checked.flush
  const { event, info } = guest
  const pages = pagesOf(event.start, event.end)
  const size = pages < 0 ? 'everything' : pages === 1 ? '1 page' : `${pages} pages`
  const freed = info?.freed === true ? ', tables freed' : ''
  const gen = info === undefined ? '' : `, generation ${info.gen}`
  const head = `  line ${event.at.line}, CPU ${event.at.cpu}: ${size}${freed}${gen}`
  if (call === undefined) return [`${head}: no hypercall`]
  const outcomes = [...outcomesOf(checked)].sort((a, b) => (a.cycles ?? Infinity) - (b.cycles ?? Infinity))
  return [`${head}: ${callText(call)}`, ...outcomes.map(outcomeText)]
}

function callText({ at, code, flags, repCount, targets, time, done }: FlushCall): string {
  const what = repCount === 0 ? 'space' : `list of ${repCount}`
  const took = done === undefined ? '' : `, ${cycles(done.time - time)} cycles`
  return `code 0x${code.toString(16)}, ${what}, flags 0x${(flags ?? 0n).toString(16)}, ${targetsText(targets)} (host line ${at.line}${took})`
}

function targetsText(targets: FlushCall['targets']): string {
  if (targets === undefined) return 'targets unknown'
  if (targets.form === 'mask') return `vCPUs ${cpusOfMask(targets.mask)}`
  if (targets.form === 'banks') return `banks 0x${targets.validBankMask.toString(16)}`
  return 'all processors'
}

function outcomeText({ vcpu, when, cycles: after, did, merged, overflowed }: VcpuOutcome): string {
  const place =
    after === undefined ? 'no end in the recording' : `${cycles(Math.abs(after))} cycles ${when ?? ''}`
  const together = merged > 1 ? `, ${merged} orders at once` : ''
  return `    vCPU ${vcpu}: ${did}, ${place}${together}${overflowed ? ', its queue had overflowed' : ''}`
}

/** Thousands apart. */
function cycles(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
