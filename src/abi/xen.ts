/**
 * Xen's flush interfaces. Source: Xen public headers `xen.h` (mmuext_op, the update_va_mapping flags) and
 * `hvm/hvm_op.h` (HVMOP_flush_tlbs).
 *
 * ```
 * struct mmuext_op, x86-64:   0 cmd (32)   4 padding   8 arg1: mfn or linear_addr   16 arg2: nr_ents, vcpumask, src
 * ```
 */
import { bitsOf, checkU64, viewOf } from './bytes.ts'
import { checkField, type Decoded, decoded, tooShort, undecodable } from './decoded.ts'

export const XEN_HYPERCALL_MMUEXT_OP = 26
export const XEN_HYPERCALL_HVM_OP = 34
/** The sub-operation of `hvm_op` that flushes every vCPU of the calling domain. Its argument must be NULL. */
export const HVMOP_FLUSH_TLBS = 5
export const DOMID_SELF = 0x7ff0
export const MMUEXT_OP_BYTES = 24

/** The commands of mmuext_op, by number; 14, 16 and 17 are not used here. */
export const MMUEXT_COMMANDS: Readonly<Record<number, string>> = {
  0: 'PIN_L1_TABLE',
  1: 'PIN_L2_TABLE',
  2: 'PIN_L3_TABLE',
  3: 'PIN_L4_TABLE',
  4: 'UNPIN_TABLE',
  5: 'NEW_BASEPTR',
  6: 'TLB_FLUSH_LOCAL',
  7: 'INVLPG_LOCAL',
  8: 'TLB_FLUSH_MULTI',
  9: 'INVLPG_MULTI',
  10: 'TLB_FLUSH_ALL',
  11: 'INVLPG_ALL',
  12: 'FLUSH_CACHE',
  13: 'SET_LDT',
  15: 'NEW_USER_BASEPTR',
  18: 'FLUSH_CACHE_GLOBAL',
}

export const MMUEXT_TLB_FLUSH_LOCAL = 6
export const MMUEXT_INVLPG_LOCAL = 7
export const MMUEXT_TLB_FLUSH_MULTI = 8
export const MMUEXT_INVLPG_MULTI = 9
export const MMUEXT_TLB_FLUSH_ALL = 10
export const MMUEXT_INVLPG_ALL = 11

/** One element of the mmuext_op array. */
export interface MmuextOp {
  readonly cmd: number
  /** The four bytes behind `cmd`; the compiler leaves anything there. */
  readonly padding: number
  /** mfn (pin, baseptr) or linear address (invlpg, LDT base). */
  readonly arg1: bigint
  /** Number of entries (LDT), address of the vCPU mask (multi), source mfn (copy). */
  readonly arg2: bigint
}

/** Reads one element at `offset`. */
export function decodeMmuextOp(bytes: Uint8Array, offset = 0): Decoded<MmuextOp> {
  if (bytes.length < offset + MMUEXT_OP_BYTES)
    return tooShort('mmuext_op', offset + MMUEXT_OP_BYTES, bytes.length)
  const view = viewOf(bytes)
  return decoded({
    cmd: view.getUint32(offset, true),
    padding: view.getUint32(offset + 4, true),
    arg1: view.getBigUint64(offset + 8, true),
    arg2: view.getBigUint64(offset + 16, true),
  })
}

/** One element of the array, 24 bytes. */
export function encodeMmuextOp(op: MmuextOp): Uint8Array {
  const bytes = new Uint8Array(MMUEXT_OP_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, checkField('cmd', op.cmd, 0xffff_ffff), true)
  view.setUint32(4, checkField('padding', op.padding, 0xffff_ffff), true)
  view.setBigUint64(8, checkU64('arg1', op.arg1), true)
  view.setBigUint64(16, checkU64('arg2', op.arg2), true)
  return bytes
}

/** What an mmuext_op flushes: the whole TLB or one page, here, on a mask of vCPUs, or on the whole domain. */
export interface MmuextFlush {
  readonly what: 'all' | 'page'
  readonly where: 'local' | 'mask' | 'domain'
  /** The linear address of a single-page flush. */
  readonly address: bigint
  /** Guest address of the vCPU bitmap of a `mask` flush. */
  readonly vcpumask: bigint
}

/** The flush that a command asks for; an error for commands that flush no TLB. */
export function mmuextFlushOf(op: MmuextOp): Decoded<MmuextFlush> {
  const name = MMUEXT_COMMANDS[op.cmd]
  const flush = (what: 'all' | 'page', where: 'local' | 'mask' | 'domain'): Decoded<MmuextFlush> =>
    decoded({
      what,
      where,
      address: what === 'page' ? op.arg1 : 0n,
      vcpumask: where === 'mask' ? op.arg2 : 0n,
    })
  switch (op.cmd) {
    case MMUEXT_TLB_FLUSH_LOCAL:
      return flush('all', 'local')
    case MMUEXT_INVLPG_LOCAL:
      return flush('page', 'local')
    case MMUEXT_TLB_FLUSH_MULTI:
      return flush('all', 'mask')
    case MMUEXT_INVLPG_MULTI:
      return flush('page', 'mask')
    case MMUEXT_TLB_FLUSH_ALL:
      return flush('all', 'domain')
    case MMUEXT_INVLPG_ALL:
      return flush('page', 'domain')
    default:
      return undecodable('unknown-command', `mmuext command ${op.cmd} (${name ?? 'unknown'}) flushes no TLB`)
  }
}

/**
 * The command that Linux chooses for one remote flush (`xen_flush_tlb_multi`): one page when the range is at most a
 * page, everything otherwise. There is no range form.
 */
export function mmuextFlushCommand(start: bigint, end: bigint, vcpumask: bigint): MmuextOp {
  const everything = end === 0xffff_ffff_ffff_ffffn || end - start > 4096n
  return {
    cmd: everything ? MMUEXT_TLB_FLUSH_MULTI : MMUEXT_INVLPG_MULTI,
    padding: 0,
    arg1: everything ? 0n : start,
    arg2: vcpumask,
  }
}

/** The vCPUs that a mask in guest memory names, read word by word as Xen does, up to `maxVcpus`. */
export function decodeVcpuMask(bytes: Uint8Array, maxVcpus: number): Decoded<number[]> {
  const words = (maxVcpus + 63) >> 6
  if (bytes.length < 8 * words) return tooShort('vcpumask', 8 * words, bytes.length)
  const view = viewOf(bytes)
  const vcpus: number[] = []
  for (let w = 0; w < words; w++) {
    for (const bit of bitsOf(view.getBigUint64(8 * w, true))) {
      if (64 * w + bit < maxVcpus) vcpus.push(64 * w + bit)
    }
  }
  return decoded(vcpus)
}

/** The flags argument of `update_va_mapping`: what to flush in bits 1:0, where in bit 2 and the mask pointer. */
export interface UpdateVaMappingFlags {
  readonly what: 'none' | 'all' | 'page' | 'undefined'
  readonly where: 'local' | 'mask' | 'domain'
  readonly vcpumask: bigint
}

/** Any 64-bit value: TLB_FLUSH 1, INVLPG 2, ALL 4; for MULTI the remaining bits are the pointer. */
export function decodeUpdateVaMappingFlags(flags: bigint): UpdateVaMappingFlags {
  const whats = ['none', 'all', 'page', 'undefined'] as const
  const what = whats[Number(flags & 3n)] ?? 'undefined'
  const pointer = flags & 0xffff_ffff_ffff_fff8n
  if ((flags & 4n) !== 0n) return { what, where: 'domain', vcpumask: 0n }
  return pointer === 0n ? { what, where: 'local', vcpumask: 0n } : { what, where: 'mask', vcpumask: pointer }
}

/** What `hvm_op(HVMOP_flush_tlbs, arg)` answers: 0, or -EINVAL. */
export function hvmopFlushTlbs(caller: { readonly hvm: boolean; readonly arg: bigint }): 0 | -22 {
  return caller.hvm && caller.arg === 0n ? 0 : -22
}
