/**
 * `invlpgb`: AMD's broadcast invalidation (commit 4afeb0ed1753). A process that is active on enough CPUs has a global ASID; its
 * flushes are INVLPGB and one TLBSYNC, and no CPU is interrupted. Other processes are flushed by IPIs.
 *
 *   CPU0  flush                             CPU1  gup_fast
 *     PTE[v] = none                           cli
 *     INVLPGB v; TLBSYNC                      walk PMD[v] -> T
 *       (guest IF=0 holds nothing off)
 *
 * As with a hypercall, nothing serialises walkers with interrupts off: tables have to be freed by RCU.
 */
import type { Task } from '../../core/operation.ts'
import type { Cpu } from '../../machine/machine.ts'
import { type CpuMask, cpusOf, loadMask } from '../../machine/masks.ts'
import { invlpgb, tlbsync } from '../../machine/tlb.ts'
import { type FlushTlbInfo, TLB_FLUSH_ALL } from '../flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import { PAGE_SIZE } from '../tlb.ts'
import { beginRequest, endRequest, type FlushChecks, noteReached } from './interface-check.ts'
import { nativeFlushTlbOthers } from './native.ts'

/** Pages that one INVLPGB covers (INVLPGB_COUNT_MAX of the first parts that have it). */
const PAGES_PER_INSTRUCTION = 8n

/** INVLPGB for what is asked, and TLBSYNC: the CPUs of the mask are reached, this one too. */
export function* invlpgbEverywhere(
  checks: FlushChecks,
  cpu: Cpu,
  mask: CpuMask,
  info: FlushTlbInfo,
): Task<void> {
  const pages = info.end === TLB_FLUSH_ALL ? 1n : (info.end - info.start) / PAGE_SIZE
  for (let done = 0n; done < pages; done += PAGES_PER_INSTRUCTION) yield* invlpgb(cpu, 'broadcast_tlb_flush')
  yield* tlbsync(cpu, 'broadcast_tlb_flush')
  yield* noteReached(checks, cpu, { mask, start: info.start, end: info.end })
}

/**
 * The backend of one kernel.
 *
 * @param threshold - CPUs on which a process must be active to have a global ASID; the kernel's is 4
 */
export function invlpgbBackend(kernel: () => Kernel, threshold: number): FlushBackend {
  return named({
    name: 'invlpgb',
    flushTlbOthers: function* broadcastTlbFlush(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      if (cpusOf(mask).length < threshold) yield* nativeFlushTlbOthers(kernel(), cpu, mask, info)
      else yield* invlpgbEverywhere(checks, cpu, mask, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}
