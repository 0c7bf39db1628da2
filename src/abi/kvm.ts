/**
 * KVM's own paravirtual interface: the steal-time area whose `preempted` byte carries flush requests, and the
 * multi-IPI hypercall. Source: Linux `Documentation/virt/kvm/x86/msr.rst`, `hypercalls.rst`, `kvm_para.h`.
 *
 * ```
 *  preempted   guest sender                      host
 *  0           sends an IPI                      may go to 1 when the vCPU is scheduled out
 *  1           compare-and-swap to 3, no IPI     exchange with 0 when it runs again
 *  3           nothing to do, no IPI             exchange with 0 and flush before entry
 * ```
 */
import { bitsOf, checkU64, u64, viewOf } from './bytes.ts'
import { checkField, type Decoded, decoded, tooShort } from './decoded.ts'

export const MSR_KVM_STEAL_TIME = 0x4b56_4d03
export const KVM_STEAL_TIME_BYTES = 64
/** Offset of the `preempted` byte in the area. */
export const KVM_STEAL_TIME_PREEMPTED_OFFSET = 16
/** Bit 0 of the byte: the vCPU does not run. */
export const KVM_VCPU_PREEMPTED = 1
/** Bit 1 of the byte: flush before it runs again. */
export const KVM_VCPU_FLUSH_TLB = 2
export const KVM_HC_SEND_IPI = 10
export const KVM_HC_SCHED_YIELD = 11
/** APIC ids that one KVM_HC_SEND_IPI reaches on 64-bit guests. */
export const KVM_IPI_CLUSTER_SIZE = 128

/** The 64-byte area, without its padding. */
export interface StealTime {
  /** Nanoseconds stolen. */
  readonly steal: bigint
  /** Odd while the host updates. */
  readonly version: number
  readonly flags: number
  /** KVM_VCPU_* bits. */
  readonly preempted: number
}

/** Reads the area; padding is ignored. */
export function decodeStealTime(bytes: Uint8Array): Decoded<StealTime> {
  if (bytes.length < KVM_STEAL_TIME_BYTES)
    return tooShort('steal-time area', KVM_STEAL_TIME_BYTES, bytes.length)
  const view = viewOf(bytes)
  return decoded({
    steal: view.getBigUint64(0, true),
    version: view.getUint32(8, true),
    flags: view.getUint32(12, true),
    preempted: view.getUint8(KVM_STEAL_TIME_PREEMPTED_OFFSET),
  })
}

/** Writes the whole area, padding as zeros. */
export function encodeStealTime(area: StealTime): Uint8Array {
  const bytes = new Uint8Array(KVM_STEAL_TIME_BYTES)
  const view = viewOf(bytes)
  view.setBigUint64(0, checkU64('steal', area.steal), true)
  view.setUint32(8, checkField('version', area.version, 0xffff_ffff), true)
  view.setUint32(12, checkField('flags', area.flags, 0xffff_ffff), true)
  view.setUint8(KVM_STEAL_TIME_PREEMPTED_OFFSET, checkField('preempted', area.preempted, 0xff))
  return bytes
}

/** MSR_KVM_STEAL_TIME: bit 0 enables, bits 5:1 must be zero, bits 63:6 are the address. */
export interface StealTimeMsr {
  readonly enable: boolean
  readonly reserved: number
  readonly address: bigint
}

/** Splits any 64-bit value; there is no invalid input. */
export function decodeStealTimeMsr(value: bigint): StealTimeMsr {
  const low = Number(value & 0x3fn)
  return { enable: (low & 1) === 1, reserved: low >>> 1, address: u64(value) & ~0x3fn }
}

/** Composes the MSR; the address must be a multiple of 64. */
export function encodeStealTimeMsr(msr: StealTimeMsr): bigint {
  const reserved = checkField('reserved bits', msr.reserved, 0x1f)
  const address = checkU64('address', msr.address)
  checkField('steal-time address modulo 64', Number(address & 0x3fn), 0)
  return address | BigInt(reserved * 2 + (msr.enable ? 1 : 0))
}

/** What a sender does with one target, having read its byte: the value to swap in, or an IPI. */
export type SenderAction = { readonly kind: 'ipi' } | { readonly kind: 'swap'; readonly to: number }

/** `kvm_flush_tlb_multi` for one CPU; a failed swap means an IPI after all. */
export function stealTimeSender(preempted: number): SenderAction {
  if ((preempted & KVM_VCPU_PREEMPTED) === 0) return { kind: 'ipi' }
  return { kind: 'swap', to: (preempted | KVM_VCPU_FLUSH_TLB) & 0xff }
}

/** What the host does when the vCPU runs again: it exchanges the byte with 0 and flushes if bit 1 was set. */
export function stealTimeEntry(preempted: number): { readonly preempted: 0; readonly flush: boolean } {
  return { preempted: 0, flush: (preempted & KVM_VCPU_FLUSH_TLB) !== 0 }
}

/** What the host writes when the vCPU is scheduled out: an existing mark is left alone (CVE-2019-3016). */
export function stealTimePreempt(preempted: number): number {
  return preempted === 0 ? KVM_VCPU_PREEMPTED : preempted
}

/** Whether Linux installs the paravirtual flush at boot. */
export function usesPvTlbFlush(facts: {
  readonly pvTlbFlush: boolean
  readonly stealTime: boolean
  readonly realtime: boolean
  readonly mwait: boolean
  readonly possibleCpus: number
}): boolean {
  return facts.pvTlbFlush && facts.stealTime && !facts.realtime && !facts.mwait && facts.possibleCpus > 1
}

/** KVM_HC_SEND_IPI as it lies in the registers: RAX 10, RBX and RCX the bitmap, RDX the lowest APIC id, RSI the ICR. */
export interface SendIpiRegisters {
  readonly rax: bigint
  readonly rbx: bigint
  readonly rcx: bigint
  readonly rdx: bigint
  readonly rsi: bigint
}

/** The typed form of one KVM_HC_SEND_IPI. */
export interface KvmSendIpi {
  readonly apicIds: readonly number[]
  readonly icr: bigint
}

/**
 * Splits a set of APIC ids into the calls that Linux makes: a call covers ids from its lowest up to 127 above it.
 */
export function encodeKvmSendIpi(ipi: KvmSendIpi): SendIpiRegisters[] {
  const calls: SendIpiRegisters[] = []
  const ids = [...new Set(ipi.apicIds)].sort((a, b) => a - b)
  let bitmap = 0n
  let lowest = 0
  const flush = (): void => {
    if (bitmap === 0n) return
    const [rbx, rcx] = [bitmap & 0xffff_ffff_ffff_ffffn, bitmap >> 64n]
    calls.push({ rax: BigInt(KVM_HC_SEND_IPI), rbx, rcx, rdx: BigInt(lowest), rsi: checkU64('ICR', ipi.icr) })
    bitmap = 0n
  }
  for (const id of ids) {
    checkField('APIC id', id, 0xffff_ffff)
    if (bitmap !== 0n && id - lowest >= KVM_IPI_CLUSTER_SIZE) flush()
    if (bitmap === 0n) lowest = id
    bitmap |= 1n << BigInt(id - lowest)
  }
  flush()
  return calls
}

/** The APIC ids and ICR of one call; ids beyond 32 bits are dropped as the host drops them. Any registers decode. */
export function decodeKvmSendIpi(registers: SendIpiRegisters): KvmSendIpi {
  const lowest = Number(BigInt.asUintN(32, registers.rdx))
  const offsets = [...bitsOf(u64(registers.rbx)), ...bitsOf(u64(registers.rcx)).map((bit) => bit + 64)]
  const apicIds = offsets.map((offset) => lowest + offset).filter((id) => id <= 0xffff_ffff)
  return { apicIds, icr: u64(registers.rsi) }
}
