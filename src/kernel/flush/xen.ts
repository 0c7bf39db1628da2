/**
 * `xen`: a PV guest flushes by `MMUEXT_TLB_FLUSH_MULTI` or `MMUEXT_INVLPG_MULTI` (`xen_flush_tlb_others`). Xen interrupts the
 * physical CPUs that run the vCPUs; a vCPU that is not running flushes when it next runs. No interrupt reaches the guest.
 */
import { encodeMmuextOp, mmuextFlushCommand } from '../../abi/xen.ts'
import type { Task } from '../../core/operation.ts'
import type { GuestPage, HypercallPort } from '../../machine/hypercall.ts'
import { storeWord } from '../../machine/hypercall.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpuBit, loadMask } from '../../machine/masks.ts'
import type { FlushTlbInfo } from '../flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import { beginRequest, endRequest, noteReached } from './interface-check.ts'

/** Words of the multicall buffer: the three of `struct mmuext_op`, and the CPU bitmap that it points to. */
export const XEN_BUFFER_FIELDS = ['cmd', 'arg1', 'arg2', 'vcpumask'] as const

export interface XenSetup {
  readonly buffers: readonly GuestPage[]
  readonly port: HypercallPort
}

export function xenBackend(kernel: () => Kernel, setup: XenSetup): FlushBackend {
  return named({
    name: 'xen',
    flushTlbOthers: function* xenFlushTlbOthers(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      // Until the flush_tlb_multi change of 2021 the calling CPU is left out: it has flushed itself.
      const mask = (yield* loadMask(info.mm.cpumask, 'mm_cpumask')) & ~cpuBit(cpu.id)
      const buffer = setup.buffers[cpu.id]!
      const op = mmuextFlushCommand(info.start, info.end, buffer.gpa + 24n)
      const view = new DataView(encodeMmuextOp(op).buffer)
      for (let word = 0; word < 3; word++) yield* storeWord(buffer, word, view.getBigUint64(8 * word, true))
      yield* storeWord(buffer, 3, mask)
      const done = yield* setup.port.vmcall(cpu, { control: MMUEXT_OP, input: buffer })
      yield* noteReached(checks, cpu, { mask: done.reached, start: done.start, end: done.end })
      yield* endRequest(checks, cpu, outer)
    },
  })
}

/** `__HYPERVISOR_mmuext_op`. */
const MMUEXT_OP = 26n
