/**
 * The synthetic MSRs of the interface. Source: TLFS, "Hypercall interface" (GUEST_OS_ID, HYPERCALL) and "Virtual
 * processors" (VP_INDEX, VP_ASSIST_PAGE).
 */
import { checkU64, u64, viewOf } from './bytes.ts'
import { checkField, type Decoded, decoded, tooShort } from './decoded.ts'

export const HV_X64_MSR_GUEST_OS_ID = 0x4000_0000
export const HV_X64_MSR_HYPERCALL = 0x4000_0001
export const HV_X64_MSR_VP_INDEX = 0x4000_0002
export const HV_X64_MSR_VP_ASSIST_PAGE = 0x4000_0073
export const HV_X64_MSR_REENLIGHTENMENT_CONTROL = 0x4000_0106
export const HV_X64_MSR_NESTED_VP_INDEX = 0x4000_1002

/** The largest page frame number of a 64-bit physical address. */
const MAX_FRAME = 2 ** 52 - 1

/** GUEST_OS_ID: who the guest is. Zero means "nobody yet", and keeps the hypercall page disabled. */
export type GuestOsId =
  | {
      readonly kind: 'open-source'
      /** Bits 62:56: 1 Linux, 2 FreeBSD, 3 Xen, 4 Illumos. */
      readonly osType: number
      /** Bits 55:48. */
      readonly osSpecific: number
      /** Bits 47:16; Linux puts LINUX_VERSION_CODE here. */
      readonly version: number
      /** Bits 15:0. */
      readonly build: number
    }
  | {
      readonly kind: 'proprietary'
      /** Bits 62:48: 1 Microsoft. */
      readonly vendor: number
      /** Bits 47:40; 4 and above is the Windows NT family. */
      readonly os: number
      readonly major: number
      readonly minor: number
      readonly service: number
      readonly build: number
    }

/** Splits any 64-bit value; there is no invalid input. */
export function decodeGuestOsId(value: bigint): GuestOsId {
  const word = u64(value)
  const field = (shift: bigint, bits: number): number => Number((word >> shift) & ((1n << BigInt(bits)) - 1n))
  if (word >> 63n === 1n) {
    return {
      kind: 'open-source',
      osType: field(56n, 7),
      osSpecific: field(48n, 8),
      version: field(16n, 32),
      build: field(0n, 16),
    }
  }
  return {
    kind: 'proprietary',
    vendor: field(48n, 15),
    os: field(40n, 8),
    major: field(32n, 8),
    minor: field(24n, 8),
    service: field(16n, 8),
    build: field(0n, 16),
  }
}

/** Composes a GUEST_OS_ID; throws a `UsageError` when a field does not fit. */
export function encodeGuestOsId(id: GuestOsId): bigint {
  const at = (what: string, value: number, bits: number, shift: bigint): bigint =>
    BigInt(checkField(what, value, 2 ** bits - 1)) << shift
  if (id.kind === 'open-source') {
    return (
      (1n << 63n) |
      at('OS type', id.osType, 7, 56n) |
      at('OS specific', id.osSpecific, 8, 48n) |
      at('version', id.version, 32, 16n) |
      at('build', id.build, 16, 0n)
    )
  }
  return (
    at('vendor', id.vendor, 15, 48n) |
    at('OS', id.os, 8, 40n) |
    at('major', id.major, 8, 32n) |
    at('minor', id.minor, 8, 24n) |
    at('service', id.service, 8, 16n) |
    at('build', id.build, 16, 0n)
  )
}

/** What Linux writes: type 1, LINUX_VERSION_CODE, build 0. Kernel 6.1.0 gives 0x8100000601000000. */
export function linuxGuestOsId(major: number, minor: number, patch: number): bigint {
  const version = major * 0x1_0000 + minor * 0x100 + Math.min(patch, 255)
  return encodeGuestOsId({ kind: 'open-source', osType: 1, osSpecific: 0, version, build: 0 })
}

/** The HYPERCALL MSR. */
export interface HypercallMsr {
  /** Bit 0. */
  readonly enable: boolean
  /** Bit 1: no more changes until reset (CPUID 0x40000003.EDX[18]). */
  readonly locked: boolean
  /** Bits 11:2: to be preserved by whoever writes. */
  readonly preserve: number
  /** Bits 63:12: the guest page frame of the hypercall page. */
  readonly frame: number
}

/** Splits any 64-bit value; there is no invalid input. */
export function decodeHypercallMsr(value: bigint): HypercallMsr {
  const low = Number(value & 0xfffn)
  return {
    enable: (low & 1) === 1,
    locked: (low & 2) === 2,
    preserve: low >>> 2,
    frame: Number(u64(value) >> 12n),
  }
}

/** Composes the MSR; throws a `UsageError` when a field does not fit. */
export function encodeHypercallMsr(msr: HypercallMsr): bigint {
  const low =
    (msr.enable ? 1 : 0) + (msr.locked ? 2 : 0) + checkField('preserved bits', msr.preserve, 0x3ff) * 4
  return (BigInt(checkField('frame', msr.frame, MAX_FRAME)) << 12n) | BigInt(low)
}

/** The VP_ASSIST_PAGE MSR: bit 0 enables, bits 63:12 are the frame, the rest is reserved. */
export interface VpAssistMsr {
  readonly enable: boolean
  readonly reserved: number
  readonly frame: number
}

/** Splits any 64-bit value; there is no invalid input. */
export function decodeVpAssistMsr(value: bigint): VpAssistMsr {
  const low = Number(value & 0xfffn)
  return { enable: (low & 1) === 1, reserved: low >>> 1, frame: Number(u64(value) >> 12n) }
}

/** Composes the MSR; throws a `UsageError` when a field does not fit. */
export function encodeVpAssistMsr(msr: VpAssistMsr): bigint {
  const low = (msr.enable ? 1 : 0) + checkField('reserved bits', msr.reserved, 0x7ff) * 2
  return (BigInt(checkField('frame', msr.frame, MAX_FRAME)) << 12n) | BigInt(low)
}

/** The fields of the VP assist page that matter to nested (direct) flushes. */
export interface VpAssistPage {
  readonly apicAssist: number
  readonly vtlEntryReason: number
  readonly vtlReturnRax: bigint
  readonly vtlReturnRcx: bigint
  /** Nested control, features: bit 0 = the direct hypercall is enabled. */
  readonly nestedFeatures: number
  readonly nestedHypercallControls: number
  readonly enlightenVmEntry: number
  readonly currentNestedVmcs: bigint
}

const VP_ASSIST_BYTES = 56

/** Reads the first 56 bytes of the page. */
export function decodeVpAssistPage(bytes: Uint8Array): Decoded<VpAssistPage> {
  if (bytes.length < VP_ASSIST_BYTES) return tooShort('VP assist page', VP_ASSIST_BYTES, bytes.length)
  const view = viewOf(bytes)
  return decoded({
    apicAssist: view.getUint32(0, true),
    vtlEntryReason: view.getUint32(8, true),
    vtlReturnRax: view.getBigUint64(16, true),
    vtlReturnRcx: view.getBigUint64(24, true),
    nestedFeatures: view.getUint32(32, true),
    nestedHypercallControls: view.getUint32(36, true),
    enlightenVmEntry: view.getUint8(40),
    currentNestedVmcs: view.getBigUint64(48, true),
  })
}

/** The first 56 bytes of the page; gaps between the fields are zero. */
export function encodeVpAssistPage(page: VpAssistPage): Uint8Array {
  const bytes = new Uint8Array(VP_ASSIST_BYTES)
  const view = viewOf(bytes)
  view.setUint32(0, checkField('APIC assist', page.apicAssist, 0xffff_ffff), true)
  view.setUint32(8, checkField('VTL entry reason', page.vtlEntryReason, 0xffff_ffff), true)
  view.setBigUint64(16, checkU64('VTL return RAX', page.vtlReturnRax), true)
  view.setBigUint64(24, checkU64('VTL return RCX', page.vtlReturnRcx), true)
  view.setUint32(32, checkField('nested features', page.nestedFeatures, 0xffff_ffff), true)
  view.setUint32(36, checkField('nested hypercall controls', page.nestedHypercallControls, 0xffff_ffff), true)
  view.setUint8(40, checkField('enlighten VM entry', page.enlightenVmEntry, 0xff))
  view.setBigUint64(48, checkU64('current nested VMCS', page.currentNestedVmcs), true)
  return bytes
}
