import type { Cursor } from '../cursor.ts'
import type {
  KvmHvFlushTlb,
  KvmHvFlushTlbEx,
  KvmHvHypercall,
  KvmHvHypercallDone,
  KvmHvSendIpi,
  KvmHvSendIpiEx,
  KvmHypercall,
  KvmPvTlbFlush,
  KvmVcpuWakeup,
  RequestAll,
  RequestMask,
  VcpuFlush,
  VcpuFlushReturn,
  Where,
} from '../events.ts'
import { FIELD } from '../fields.ts'

/** `code 0x3 slow var_cnt 0x0 rep_cnt 0x1 idx 0x0 in 0x3f1d000 out 0x0`; before 5.14 `cnt 0x1` for both counts. */
export function kvmHvHypercall(c: Cursor, at: Where): KvmHvHypercall {
  const code = c.hex(FIELD.code)
  const fast = c.has(' fast ')
  const varCnt = c.hexIfAny(FIELD.var_cnt) ?? 0
  const repCnt = c.hexIfAny(FIELD.rep_cnt) ?? c.hex(FIELD.cnt)
  const repIdx = c.hex(FIELD.idx)
  const input = c.bits(FIELD.in)
  return {
    kind: 'kvm_hv_hypercall',
    at,
    code,
    fast,
    varCnt,
    repCnt,
    repIdx,
    in: input,
    out: c.bits(FIELD.out),
  }
}

/** `result 0x100000000` */
export function kvmHvHypercallDone(c: Cursor, at: Where): KvmHvHypercallDone {
  return { kind: 'kvm_hv_hypercall_done', at, result: c.bits(FIELD.result) }
}

/** `processor_mask 0x7 address_space 0x5bb2000 flags 0x0` */
export function kvmHvFlushTlb(c: Cursor, at: Where): KvmHvFlushTlb {
  const processorMask = c.bits(FIELD.processor_mask)
  const addressSpace = c.bits(FIELD.address_space)
  return { kind: 'kvm_hv_flush_tlb', at, processorMask, addressSpace, flags: c.bits(FIELD.flags) }
}

/** `valid_bank_mask 0x3 format 0x0 address_space 0x254fe000 flags 0x0` */
export function kvmHvFlushTlbEx(c: Cursor, at: Where): KvmHvFlushTlbEx {
  const validBankMask = c.bits(FIELD.valid_bank_mask)
  const format = c.bits(FIELD.format)
  const addressSpace = c.bits(FIELD.address_space)
  return { kind: 'kvm_hv_flush_tlb_ex', at, validBankMask, format, addressSpace, flags: c.bits(FIELD.flags) }
}

/** `vector fb processor_mask 0x1` */
export function kvmHvSendIpi(c: Cursor, at: Where): KvmHvSendIpi {
  const vector = c.hex(FIELD.vector)
  return { kind: 'kvm_hv_send_ipi', at, vector, processorMask: c.bits(FIELD.processor_mask) }
}

/** `vector fb format 0 valid_bank_mask 0x3` */
export function kvmHvSendIpiEx(c: Cursor, at: Where): KvmHvSendIpiEx {
  const vector = c.hex(FIELD.vector)
  const format = c.bits(FIELD.format)
  return { kind: 'kvm_hv_send_ipi_ex', at, vector, format, validBankMask: c.bits(FIELD.valid_bank_mask) }
}

/** `vcpu 3 need_flush_tlb true` */
export function kvmPvTlbFlush(c: Cursor, at: Where): KvmPvTlbFlush {
  const vcpu = c.cpu(FIELD.vcpu)
  return { kind: 'kvm_pv_tlb_flush', at, vcpu, needFlush: c.is(FIELD.need_flush_tlb, 'true') }
}

/** `nr 0xb a0 0x0 a1 0x0 a2 0x0 a3 0x4` */
export function kvmHypercall(c: Cursor, at: Where): KvmHypercall {
  const nr = c.bits(FIELD.nr)
  return {
    kind: 'kvm_hypercall',
    at,
    nr,
    args: [c.bits(FIELD.a0), c.bits(FIELD.a1), c.bits(FIELD.a2), c.bits(FIELD.a3)],
  }
}

/** `wait time 38246876 ns, polling valid` */
export function kvmVcpuWakeup(c: Cursor, at: Where): KvmVcpuWakeup {
  return { kind: 'kvm_vcpu_wakeup', at, nanoseconds: c.int(FIELD.time) }
}

/** `(kvm_make_all_cpus_request+0x4/0x140 [kvm]) req=0x328` */
export function requestAll(c: Cursor, at: Where): RequestAll {
  return { kind: 'reqall', at, request: c.hex(FIELD.req) }
}

/** `(kvm_make_vcpus_request_mask+0x4/0x120 [kvm]) req=0x328 mask=0x7` */
export function requestMask(c: Cursor, at: Where): RequestMask {
  const request = c.hex(FIELD.req)
  return { kind: 'reqmask', at, request, mask: c.bits(FIELD.mask) }
}

/** `(kvm_hv_vcpu_flush_tlb+0x4/0x180 [kvm])`: nothing to read. */
export function vcpuFlush(_c: Cursor, at: Where): VcpuFlush {
  return { kind: 'vflush', at }
}

/** `(vcpu_run+0xb4a/0x12c0 [kvm] <- kvm_hv_vcpu_flush_tlb) ret=-28` */
export function vcpuFlushReturn(c: Cursor, at: Where): VcpuFlushReturn {
  return { kind: 'vflush_ret', at, ret: c.int(FIELD.ret) }
}
