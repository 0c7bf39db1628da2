/**
 * `serialize`: Gross's proposal in the thread, a flag that asks for flush *and* serialisation: the hypercall for the TLB,
 * and, when page-table pages are about to be freed, an empty IPI on top, whose acknowledgement walkers with interrupts off
 * hold back.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import type { Cpu } from '../../machine/machine.ts'
import { loadMask } from '../../machine/masks.ts'
import type { FlushTlbInfo } from '../flush-info.ts'
import { tlbRemoveTableSmpSync } from '../free/ipi-sync.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import { smpCallFunctionMany } from '../smp.ts'

/** The backend on top of another one that flushes without interrupts. */
export function serializeBackend(kernel: () => Kernel, inner: FlushBackend): FlushBackend {
  return named({
    name: 'serialize',
    flushTlbOthers: function* flushAndSerialize(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      yield* inner.flushTlbOthers(cpu, info)
      if (!info.freedTables) return
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      yield* call(
        smpCallFunctionMany,
        kernel().smp,
        cpu,
        mask,
        tlbRemoveTableSmpSync,
        null,
        'flush_and_serialize',
      )
    },
  })
}
