import { TLB_FLUSH_ALL as WHOLE } from '../../kernel/flush-info.ts'
import { planFlush } from '../../kernel/flush-rules.ts'
import { TLB_FLUSH_ALL, type TlbFlush } from '../events.ts'
import type { Flush } from '../flush.ts'
import type { Findings } from './decisions.ts'

/** An end or a start of a probe, as the kernel's rules take it. */
export function addressOf(value: number): bigint {
  return value >= TLB_FLUSH_ALL ? WHOLE : BigInt(value)
}

/** What is asked of the backend, for people. */
function range(start: bigint, end: bigint): string {
  return end === WHOLE ? 'full' : `0x${start.toString(16)}-0x${end.toString(16)}`
}

/** Full or ranged: what `flush_tlb_mm_range` was asked against what it asks of the backend or of its own CPU. */
export function checkSize(
  { request, info, local, remote }: Flush,
  ceiling: number,
  findings: Findings,
): void {
  if (info === undefined) return
  if (request === undefined) {
    findings.unchecked('full or ranged')
    return
  }
  const plan = planFlush(addressOf(request.start), addressOf(request.end), request.stride, BigInt(ceiling))
  const at = remote?.at ?? local?.at ?? request.at
  findings.expect(
    'full or ranged',
    range(plan.start, plan.end),
    range(addressOf(info.start), addressOf(info.end)),
    { lines: [at.line, request.at.line], cpu: at.cpu },
  )
}

/** The pages of `remote ipi send`. */
export function checkPagesSent({ info, remote }: Flush, ceiling: number, findings: Findings): void {
  if (info === undefined || remote?.sent === undefined) return
  const plan = planFlush(addressOf(info.start), addressOf(info.end), info.stride, BigInt(ceiling))
  const predicted = plan.kind === 'full' ? -1n : plan.basePages
  const { at, pages } = remote.sent
  findings.expect('pages sent', `${predicted}`, `${pages}`, { lines: [at.line, remote.at.line], cpu: at.cpu })
}

/** Shift of a 2 MiB stride, and 4 KiB pages in one. */
const HUGE = { stride: 21, pages: 512 }

/** All that a recording without probes tells of a decision: a ranged flush is never larger than the ceiling. */
export function checkBareSize({ pages, reason, at }: TlbFlush, ceiling: number, findings: Findings): void {
  if (pages < 0 || reason === 0 || reason === 5) return
  // `remote ipi send` counts 4 KiB pages also where the stride is 2 MiB.
  const huge = reason === 4 && pages > ceiling && pages % HUGE.pages === 0
  const plan = planFlush(0n, BigInt(pages) << 12n, huge ? HUGE.stride : 12, BigInt(ceiling))
  findings.expect('full or ranged', plan.kind, 'ranged', { lines: [at.line], cpu: at.cpu })
}
