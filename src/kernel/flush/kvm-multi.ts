/**
 * `kvm_flush_tlb_multi` (arch/x86/kernel/kvm.c since 4ce94eabac16): preempted vCPUs are marked in their steal-time area and flush
 * when the host runs them again; what is left of the mask goes the native way, lazy filter included. The test for preemption
 * does not look at lazy mode.
 */
import type { Task } from '../../core/operation.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpuBit, cpusOf, loadMask } from '../../machine/masks.ts'
import type { Variable } from '../../machine/variables.ts'
import type { FlushTlbInfo } from '../flush-info.ts'
import { type FlushBackend, named } from '../kernel.ts'
import { nativeFlushTlbMulti, type TlbMulti } from '../tlb-multi.ts'
import { beginRequest, endRequest } from './interface-check.ts'
import { deferToPreempted } from './kvm.ts'

/**
 * The backend of one kernel.
 *
 * @param preempted - per vCPU: the `preempted` byte of its steal-time area, shared with the host
 */
export function kvmMultiBackend(tlb: TlbMulti, preempted: readonly Variable<number>[]): FlushBackend {
  return named({
    name: 'kvm',
    flushTlbOthers: function* kvmFlushTlbMulti(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = tlb.kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      let flushMask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      const others = cpusOf(flushMask & ~cpuBit(cpu.id))
      flushMask &= ~(yield* deferToPreempted(checks, cpu, others, preempted))
      yield* nativeFlushTlbMulti(tlb, cpu, info, flushMask)
      yield* endRequest(checks, cpu, outer)
    },
  })
}
