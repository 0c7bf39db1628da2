/**
 * `kvm_flush_tlb_multi` (arch/x86/kernel/kvm.c since 4ce94eabac16): preempted vCPUs are marked in their steal-time area and flush
 * when the host runs them again; what is left of the mask goes the native way, lazy filter included. The test for preemption
 * does not look at lazy mode.
 */
import { KVM_VCPU_FLUSH_TLB, KVM_VCPU_PREEMPTED } from '../../abi/kvm.ts'
import type { Task } from '../../core/operation.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cmpxchg, cpuBit, cpusOf, load, loadMask, type Variable } from '../../machine/variables.ts'
import { type FlushTlbInfo, TLB_FLUSH_ALL } from '../flush-info.ts'
import { type FlushBackend, named } from '../kernel.ts'
import { nativeFlushTlbMulti, type TlbMulti } from '../tlb-multi.ts'
import { beginRequest, endRequest, noteReached } from './interface-check.ts'

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
      for (const target of cpusOf(flushMask & ~cpuBit(cpu.id))) {
        const byte = preempted[target]!
        const state = yield* load(byte)
        if ((state & KVM_VCPU_PREEMPTED) === 0) continue
        if ((yield* cmpxchg(byte, state, state | KVM_VCPU_FLUSH_TLB)) !== state) continue
        flushMask &= ~cpuBit(target)
        yield* noteReached(checks, cpu, { mask: cpuBit(target), start: 0n, end: TLB_FLUSH_ALL })
      }
      yield* nativeFlushTlbMulti(tlb, cpu, info, flushMask)
      yield* endRequest(checks, cpu, outer)
    },
  })
}
