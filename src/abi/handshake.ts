/**
 * How guest and hypervisor agree on the interface: GUEST_OS_ID, then the hypercall page. Source: TLFS, "Establishing
 * the hypercall interface"; page contents as KVM and Xen write them.
 *
 * ```
 *   guest                                   hypervisor
 *   CPUID 1 ECX[31], 0x40000000..3
 *   GUEST_OS_ID = nonzero
 *   HYPERCALL = frame | enable              enable is kept only while GUEST_OS_ID is nonzero
 *   read HYPERCALL: enabled?                the page at frame now holds VMCALL; RET
 *   CALL frame
 * ```
 */
import { u64 } from './bytes.ts'
import {
  type CpuidLeaf,
  HV_INTERFACE_SIGNATURE,
  HV_MIN_MAX_LEAF,
  HYPERV_CPUID_FEATURES,
  HYPERV_CPUID_INTERFACE,
  HYPERV_CPUID_VENDOR_AND_MAX,
} from './cpuid.ts'
import {
  decodeHypercallMsr,
  HV_X64_MSR_GUEST_OS_ID,
  HV_X64_MSR_HYPERCALL,
  HV_X64_MSR_VP_INDEX,
} from './msr.ts'

/** The partition-wide state of the handshake: the two MSRs as they read. Both start at 0. */
export interface HandshakeState {
  readonly guestOsId: bigint
  readonly hypercall: bigint
}

export const HANDSHAKE_RESET: HandshakeState = { guestOsId: 0n, hypercall: 0n }

/** An MSR write either succeeds with a new state or raises #GP. */
export type HandshakeWrite =
  | { readonly kind: 'written'; readonly state: HandshakeState }
  | { readonly kind: 'fault'; readonly vector: 'GP'; readonly reason: string }

/** WRMSR GUEST_OS_ID: zero also disables the hypercall page. */
export function writeGuestOsId(state: HandshakeState, value: bigint): HandshakeWrite {
  const guestOsId = u64(value)
  const hypercall = guestOsId === 0n ? state.hypercall & ~1n : state.hypercall
  return { kind: 'written', state: { guestOsId, hypercall } }
}

/**
 * WRMSR HYPERCALL. Ignored once locked; enable is dropped while GUEST_OS_ID is 0; a frame beyond the guest's physical
 * addresses is #GP.
 */
export function writeHypercallMsr(
  state: HandshakeState,
  value: bigint,
  physicalAddressBits: number,
): HandshakeWrite {
  if ((state.hypercall & 2n) !== 0n) return { kind: 'written', state }
  const msr = decodeHypercallMsr(value)
  if (msr.enable && msr.frame >= 2 ** (physicalAddressBits - 12)) {
    return { kind: 'fault', vector: 'GP', reason: `frame 0x${msr.frame.toString(16)} is beyond guest memory` }
  }
  const hypercall = state.guestOsId === 0n ? u64(value) & ~1n : u64(value)
  return { kind: 'written', state: { ...state, hypercall } }
}

/** Which instruction the CPU has: VMCALL (Intel) or VMMCALL (AMD). */
export type CpuVendor = 'intel' | 'amd'

/** Whose page: KVM's, KVM's with Xen emulation beside it, or Xen's. */
export type HypercallPageKind = 'kvm' | 'kvm-with-xen' | 'xen'

/**
 * The first bytes of the hypercall page, up to and including RET. `or eax, 0x80000000` in front tells the Hyper-V ABI
 * from Xen's where both are offered.
 */
export function hypercallPage(kind: HypercallPageKind, vendor: CpuVendor): Uint8Array {
  const orEax = kind === 'kvm' ? [] : [0x0d, 0x00, 0x00, 0x00, 0x80]
  const call = vendor === 'intel' ? [0x0f, 0x01, 0xc1] : [0x0f, 0x01, 0xd9]
  return Uint8Array.from([...orEax, ...call, 0xc3])
}

/** What the guest concludes from CPUID before it writes any MSR. */
export type Discovery =
  | { readonly kind: 'available'; readonly maxLeaf: number }
  | { readonly kind: 'unavailable'; readonly reason: string }

/** Steps 1 to 4 of the handshake. The vendor string is informational and not looked at. */
export function discoverHypercalls(
  hypervisorPresent: boolean,
  cpuid: (leaf: number) => CpuidLeaf,
): Discovery {
  const no = (reason: string): Discovery => ({ kind: 'unavailable', reason })
  if (!hypervisorPresent) return no('CPUID 1 ECX[31] is clear: no hypervisor')
  const maxLeaf = cpuid(HYPERV_CPUID_VENDOR_AND_MAX).eax >>> 0
  if (maxLeaf < HV_MIN_MAX_LEAF)
    return no(`CPUID 0x40000000 EAX is 0x${maxLeaf.toString(16)}, below 0x40000005`)
  const signature = cpuid(HYPERV_CPUID_INTERFACE).eax >>> 0
  if (signature !== HV_INTERFACE_SIGNATURE) {
    return no(`CPUID 0x40000001 EAX is 0x${signature.toString(16)}, not "Hv#1"`)
  }
  const features = cpuid(HYPERV_CPUID_FEATURES).eax
  if (((features >>> 5) & 1) === 0) return no('CPUID 0x40000003 EAX[5] is clear: no hypercall MSRs')
  if (((features >>> 6) & 1) === 0) return no('CPUID 0x40000003 EAX[6] is clear: no VP index')
  return { kind: 'available', maxLeaf }
}

/**
 * Whether a guest may touch one of the interface's MSRs, by the CPUID bits of leaf 0x40000003.EAX (bit 5: GUEST_OS_ID
 * and HYPERCALL, bit 6: VP_INDEX), as the specification and KVM under CPUID enforcement have it. VP_INDEX is read-only.
 */
export function msrAccess(
  features: { readonly hypercallMsrs: boolean; readonly vpIndex: boolean },
  msr: number,
  access: 'read' | 'write',
): 'allowed' | 'GP' {
  switch (msr) {
    case HV_X64_MSR_GUEST_OS_ID:
    case HV_X64_MSR_HYPERCALL:
      return features.hypercallMsrs ? 'allowed' : 'GP'
    case HV_X64_MSR_VP_INDEX:
      return features.vpIndex && access === 'read' ? 'allowed' : 'GP'
    default:
      return 'GP'
  }
}
