/**
 * `xen_flush_tlb_multi` (arch/x86/xen/mmu_pv.c since 4ce94eabac16): the whole mask, this CPU included, goes to Xen in one
 * `MMUEXT_INVLPG_MULTI` or `MMUEXT_TLB_FLUSH_MULTI`; lazy CPUs are asked like others. A PV guest may not execute INVLPG or write
 * CR3 either: flushes of the own CPU are hypercalls too ({@link xenPvFlush}), one for each page.
 */
import { encodeMmuextOp, mmuextFlushCommand } from '../../abi/xen.ts'
import type { Task } from '../../core/operation.ts'
import { newHandleId } from '../../core/plain.ts'
import type { HypercallOutcome } from '../../machine/hypercall.ts'
import { storeWord } from '../../machine/hypercall.ts'
import type { Cpu } from '../../machine/machine.ts'
import { type CpuMask, cpuBit, loadMask } from '../../machine/masks.ts'
import { type FlushTlbInfo, TLB_FLUSH_ALL } from '../flush-info.ts'
import { type FlushBackend, named } from '../kernel.ts'
import { PAGE_SIZE } from '../tlb.ts'
import type { PvFlush, TlbMulti } from '../tlb-multi.ts'
import { beginRequest, endRequest, noteReached } from './interface-check.ts'
import type { XenSetup } from './xen.ts'

/** `__HYPERVISOR_mmuext_op`. */
const MMUEXT_OP = 26n

export function xenMultiBackend(tlb: TlbMulti, setup: XenSetup): FlushBackend {
  return named({
    name: 'xen',
    flushTlbOthers: function* xenFlushTlbMulti(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = tlb.kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      const done = yield* mmuextFlush(setup, cpu, mask, info.start, info.end)
      yield* noteReached(checks, cpu, { mask: done.reached, start: done.start, end: done.end })
      yield* endRequest(checks, cpu, outer)
    },
  })
}

/**
 * `xen_flush_tlb_one_user` and `xen_flush_tlb`. Linux uses the LOCAL commands; here the MULTI ones name this CPU alone, which
 * is the same work for Xen.
 */
export function xenPvFlush(setup: XenSetup): PvFlush {
  return {
    handleId: newHandleId(),
    *oneUser(cpu: Cpu, va: bigint): Task<void> {
      yield* mmuextFlush(setup, cpu, cpuBit(cpu.id), va, va + PAGE_SIZE)
    },
    *user(cpu: Cpu): Task<void> {
      yield* mmuextFlush(setup, cpu, cpuBit(cpu.id), 0n, TLB_FLUSH_ALL)
    },
  }
}

function* mmuextFlush(
  { buffers, port }: XenSetup,
  cpu: Cpu,
  mask: CpuMask,
  start: bigint,
  end: bigint,
): Task<HypercallOutcome> {
  const buffer = buffers[cpu.id]!
  const op = mmuextFlushCommand(start, end, buffer.gpa + 24n)
  const view = new DataView(encodeMmuextOp(op).buffer)
  for (let word = 0; word < 3; word++) yield* storeWord(buffer, word, view.getBigUint64(8 * word, true))
  yield* storeWord(buffer, 3, mask)
  return yield* port.vmcall(cpu, { control: MMUEXT_OP, input: buffer })
}
