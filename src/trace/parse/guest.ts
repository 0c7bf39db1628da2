import type { Cursor } from '../cursor.ts'
import type {
  HypervFlushMulti,
  HypervNestedFlush,
  HypervSendIpiMask,
  HypervSendIpiOne,
  Where,
  XenFlushMulti,
  XenFlushOne,
  XenMcEntry,
  XenMcFlush,
  XenMcMode,
} from '../events.ts'
import { FIELD } from '../fields.ts'

/** `ncpus 4 mm 0000000047682cbd addr 7fb210023000, end 7fb210026000`, of Xen and of Hyper-V guests */
function paravirtualFlush(c: Cursor) {
  const ncpus = c.int(FIELD.ncpus)
  const mm = c.word(FIELD.mm)
  const start = c.address(FIELD.addr)
  return { ncpus, mm, start, end: c.address(FIELD.end) }
}

export function xenFlushMulti(c: Cursor, at: Where): XenFlushMulti {
  const { ncpus, mm, start, end } = paravirtualFlush(c)
  return { kind: 'xen_mmu_flush_tlb_multi', at, ncpus, mm, start, end }
}

export function hypervFlushMulti(c: Cursor, at: Where): HypervFlushMulti {
  const { ncpus, mm, start, end } = paravirtualFlush(c)
  return { kind: 'hyperv_mmu_flush_tlb_multi', at, ncpus, mm, start, end }
}

/** `addr 5eb000` */
export function xenFlushOne(c: Cursor, at: Where): XenFlushOne {
  return { kind: 'xen_mmu_flush_tlb_one_user', at, addr: c.address(FIELD.addr) }
}

/** `start batch LAZY_MMU` */
export function xenMcMode<K extends XenMcMode['kind']>(kind: K) {
  return (c: Cursor, at: Where): XenMcMode => ({ kind, at, mode: c.word(FIELD.batch) })
}

/** `op 26(mmuext_op) args [ffff88806cb9ead0, 1, 0, 7ff0, 0, 0]` */
export function xenMcEntry(c: Cursor, at: Where): XenMcEntry {
  const op = c.int(FIELD.op)
  return { kind: 'xen_mc_entry', at, op, args: c.bitsList(FIELD.args, 6) }
}

/** `flushing 1 hypercalls, 32 arg bytes, 0 callbacks` */
export function xenMcFlush(c: Cursor, at: Where): XenMcFlush {
  const hypercalls = c.int(FIELD.flushing)
  const argBytes = c.nextInt()
  return { kind: 'xen_mc_flush', at, hypercalls, argBytes, callbacks: c.nextInt() }
}

/** `cpu 0 vector fb` */
export function hypervSendIpiOne(c: Cursor, at: Where): HypervSendIpiOne {
  const target = c.cpu(FIELD.cpu)
  return { kind: 'hyperv_send_ipi_one', at, target, vector: c.hex(FIELD.vector) }
}

/** `ncpus 3 vector fc` */
export function hypervSendIpiMask(c: Cursor, at: Where): HypervSendIpiMask {
  const ncpus = c.int(FIELD.ncpus)
  return { kind: 'hyperv_send_ipi_mask', at, ncpus, vector: c.hex(FIELD.vector) }
}

/** `address space 1f000 ret 0` */
export function hypervNestedFlush<K extends HypervNestedFlush['kind']>(kind: K) {
  return (c: Cursor, at: Where): HypervNestedFlush => {
    const addressSpace = c.bits(FIELD.space)
    return { kind, at, addressSpace, ret: c.int(FIELD.ret) }
  }
}
