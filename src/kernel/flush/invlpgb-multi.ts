/**
 * `broadcast_tlb_flush` beside today's TLB code (4afeb0ed1753): a process that is active on enough CPUs has a global ASID, and
 * its flushes are INVLPGB and one TLBSYNC, on this CPU too; others go the native way. CPUs of the mask keep the generations
 * that they had, so that one that comes back from lazy mode flushes once more; the kernel leaves that out for a global ASID.
 */
import type { Task } from '../../core/operation.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpusOf, loadMask } from '../../machine/masks.ts'
import type { FlushTlbInfo } from '../flush-info.ts'
import { type FlushBackend, named } from '../kernel.ts'
import { nativeFlushTlbMulti, type TlbMulti } from '../tlb-multi.ts'
import { beginRequest, endRequest } from './interface-check.ts'
import { invlpgbEverywhere } from './invlpgb.ts'

/** @param threshold - CPUs on which a process must be active to have a global ASID; the kernel's is 4 */
export function invlpgbMultiBackend(tlb: TlbMulti, threshold: number): FlushBackend {
  return named({
    name: 'invlpgb',
    flushTlbOthers: function* broadcastTlbFlush(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = tlb.kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      if (cpusOf(mask).length < threshold) yield* nativeFlushTlbMulti(tlb, cpu, info)
      else yield* invlpgbEverywhere(checks, cpu, mask, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}
