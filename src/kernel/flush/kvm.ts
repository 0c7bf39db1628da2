/**
 * `kvm`: preempted vCPUs are marked in their steal-time area and flush when the host runs them again; the rest get IPIs
 * (`kvm_flush_tlb_others`, commit 858a43aae236).
 *
 *   CPU0  flush                             host of vCPU1
 *     PTE[v] = none                           (scheduled out: byte = PREEMPTED)
 *     if byte & PREEMPTED and                 old = xchg(byte, 0)
 *        cmpxchg(byte, s, s | FLUSH): skip    if old & FLUSH: flush vCPU1's TLB
 *     else IPI, wait                          enter guest
 */
import { KVM_VCPU_FLUSH_TLB, KVM_VCPU_PREEMPTED } from '../../abi/kvm.ts'
import type { Task } from '../../core/operation.ts'
import type { Cpu } from '../../machine/machine.ts'
import { type CpuMask, cpuBit, cpusOf, loadMask } from '../../machine/masks.ts'
import { cmpxchg, load, type Variable } from '../../machine/variables.ts'
import { type FlushTlbInfo, TLB_FLUSH_ALL } from '../flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import { beginRequest, endRequest, type FlushChecks, noteReached } from './interface-check.ts'
import { nativeFlushTlbOthers } from './native.ts'

/** Marks those of the targets that are preempted: they flush everything when the host runs them again. Gives their mask. */
export function* deferToPreempted(
  checks: FlushChecks,
  cpu: Cpu,
  targets: readonly number[],
  preempted: readonly Variable<number>[],
): Task<CpuMask> {
  let deferred = 0n
  for (const target of targets) {
    const byte = preempted[target]!
    const state = yield* load(byte)
    if ((state & KVM_VCPU_PREEMPTED) === 0) continue
    if ((yield* cmpxchg(byte, state, state | KVM_VCPU_FLUSH_TLB)) !== state) continue
    deferred |= cpuBit(target)
    yield* noteReached(checks, cpu, { mask: cpuBit(target), start: 0n, end: TLB_FLUSH_ALL })
  }
  return deferred
}

/**
 * The backend of one kernel.
 *
 * @param preempted - per vCPU: the `preempted` byte of its steal-time area, shared with the host
 * @param neverPreempted - vCPUs of whose bytes it is known that nobody writes them
 */
export function kvmBackend(
  kernel: () => Kernel,
  preempted: readonly Variable<number>[],
  neverPreempted: readonly number[] = [],
): FlushBackend {
  return named({
    name: 'kvm',
    flushTlbOthers: function* kvmFlushTlbOthers(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      let flushMask = mask & ~cpuBit(cpu.id)
      // Bytes that stay as they are can be looked at in any order, or all at once: then their CPUs stay interchangeable.
      const constant = cpusOf(flushMask).filter((target) => neverPreempted.includes(target))
      const atOnce = constant.length > 1 ? constant : []
      if (atOnce.length > 0)
        yield* loadMask(
          atOnce.map((target) => preempted[target]!),
          `steal time of CPUs {${atOnce.join(',')}}`,
        )
      const others = cpusOf(flushMask).filter((target) => !atOnce.includes(target))
      flushMask &= ~(yield* deferToPreempted(checks, cpu, others, preempted))
      yield* nativeFlushTlbOthers(kernel(), cpu, flushMask, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}
