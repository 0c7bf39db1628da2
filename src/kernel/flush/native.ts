/**
 * `native`: an IPI to every other CPU of the mask, and an acknowledgement from each (`native_flush_tlb_others`).
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import type { Cpu } from '../../machine/machine.ts'
import { type CpuMask, loadMask } from '../../machine/masks.ts'
import type { FlushTlbInfo } from '../flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import { smpCallFunctionMany } from '../smp.ts'
import { flushLocally } from '../tlb.ts'
import { beginRequest, endRequest, noteReached } from './interface-check.ts'

/** `native_flush_tlb_others()` for a mask that has been read: what other backends fall back to. */
export function* nativeFlushTlbOthers(
  kernel: Kernel,
  cpu: Cpu,
  mask: CpuMask,
  info: FlushTlbInfo,
): Task<void> {
  yield* call(
    smpCallFunctionMany,
    kernel.smp,
    cpu,
    mask,
    kernel.flushTlbFunc,
    info,
    'native_flush_tlb_others',
    kernel.concurrentFlush === true ? () => flushLocally(kernel, cpu, info) : undefined,
  )
  yield* noteReached(kernel.checks, cpu, { mask, start: info.start, end: info.end })
}

export function nativeBackend(kernel: () => Kernel): FlushBackend {
  return named({
    name: 'native',
    flushTlbOthers: function* flushTlbOthers(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      yield* nativeFlushTlbOthers(kernel(), cpu, mask, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}
