/**
 * The CPUID leaves that announce and gate the calls. Source: TLFS, "Feature and interface discovery"; KVM's leaves
 * 0x40000000/1 (or at 0x40000100/1 beside Hyper-V's) from the kernel's `kvm_para.h`.
 */

export type CpuidRegister = 'eax' | 'ebx' | 'ecx' | 'edx'

/** The four registers that a CPUID leaf gives back, 32 bits each. */
export type CpuidLeaf = Readonly<Record<CpuidRegister, number>>

/** One named bit of a leaf. */
export interface CpuidBit {
  readonly leaf: number
  readonly register: CpuidRegister
  readonly bit: number
  readonly name: string
}

export const HYPERV_CPUID_VENDOR_AND_MAX = 0x4000_0000
export const HYPERV_CPUID_INTERFACE = 0x4000_0001
export const HYPERV_CPUID_VERSION = 0x4000_0002
export const HYPERV_CPUID_FEATURES = 0x4000_0003
export const HYPERV_CPUID_ENLIGHTENMENT_INFO = 0x4000_0004
export const HYPERV_CPUID_IMPLEMENTATION_LIMITS = 0x4000_0005
export const HYPERV_CPUID_NESTED_FEATURES = 0x4000_000a
/** "Hv#1": the interface signature in 0x40000001.EAX. */
export const HV_INTERFACE_SIGNATURE = 0x3123_7648
/** The smallest "max leaf" that offers the whole interface. */
export const HV_MIN_MAX_LEAF = 0x4000_0005

function bits(leaf: number, register: CpuidRegister, names: Readonly<Record<number, string>>): CpuidBit[] {
  return Object.entries(names).map(([bit, name]) => ({ leaf, register, bit: Number(bit), name }))
}

/** Every named bit of the Hyper-V leaves that this laboratory knows. */
export const HYPERV_CPUID_BITS: readonly CpuidBit[] = [
  ...bits(HYPERV_CPUID_FEATURES, 'eax', {
    0: 'vpRuntime',
    1: 'timeRefCount',
    2: 'synic',
    3: 'syntheticTimers',
    4: 'apicMsrs',
    5: 'hypercallMsrs',
    6: 'vpIndex',
    7: 'resetMsr',
    9: 'referenceTsc',
    11: 'frequencyMsrs',
    13: 'reenlightenment',
    15: 'invariantTscControl',
  }),
  ...bits(HYPERV_CPUID_FEATURES, 'ebx', {
    0: 'createPartitions',
    4: 'postMessages',
    5: 'signalEvents',
    11: 'debugging',
    12: 'cpuManagement',
    16: 'vsm',
    17: 'vpRegisters',
    20: 'extendedHypercalls',
    21: 'startVirtualProcessor',
    22: 'isolation',
  }),
  ...bits(HYPERV_CPUID_FEATURES, 'edx', {
    4: 'xmmFastInput',
    14: 'extendedGvaRanges',
    15: 'xmmFastOutput',
    18: 'hypercallMsrLock',
    19: 'directSyntheticTimers',
    28: 'crossVtlFlush',
  }),
  ...bits(HYPERV_CPUID_ENLIGHTENMENT_INFO, 'eax', {
    0: 'hypercallForAddressSwitch',
    1: 'hypercallForLocalFlush',
    2: 'hypercallForRemoteFlush',
    3: 'msrApicAccess',
    5: 'relaxedTiming',
    9: 'deprecateAutoEoi',
    10: 'clusterIpi',
    11: 'exProcessorMasks',
    12: 'nestedHypervisor',
    14: 'enlightenedVmcs',
    17: 'directLocalFlushEntire',
    18: 'noNonarchitecturalCoreSharing',
  }),
  ...bits(HYPERV_CPUID_NESTED_FEATURES, 'eax', {
    17: 'directVirtualFlush',
    18: 'gpaFlushHypercalls',
    19: 'enlightenedMsrBitmap',
    20: 'virtualizationExceptions',
    22: 'enlightenedNestedPageTlb',
  }),
  ...bits(HYPERV_CPUID_NESTED_FEATURES, 'ebx', { 0: 'evmcsPerfGlobalCtrl' }),
]

/** KVM's own feature bits (0x40000001.EAX; hints in EDX). */
export const KVM_CPUID_BITS: readonly CpuidBit[] = [
  ...bits(0x4000_0001, 'eax', {
    5: 'stealTime',
    7: 'pvUnhalt',
    9: 'pvTlbFlush',
    11: 'pvSendIpi',
    13: 'pvSchedYield',
  }),
  ...bits(0x4000_0001, 'edx', { 0: 'realtime' }),
]

/** The names of the bits that are set in one leaf. Unknown bits are left out. */
export function namesInLeaf(table: readonly CpuidBit[], leaf: number, registers: CpuidLeaf): string[] {
  return table
    .filter((b) => b.leaf === leaf && ((registers[b.register] >>> b.bit) & 1) === 1)
    .map((b) => b.name)
}

/** The leaf with exactly these named bits set; names that are not in the leaf are ignored. */
export function leafOfNames(table: readonly CpuidBit[], leaf: number, names: Iterable<string>): CpuidLeaf {
  const wanted = new Set(names)
  const registers = { eax: 0, ebx: 0, ecx: 0, edx: 0 }
  for (const b of table) {
    if (b.leaf === leaf && wanted.has(b.name))
      registers[b.register] = (registers[b.register] | (1 << b.bit)) >>> 0
  }
  return registers
}

/** The 12 characters that a vendor leaf spells in EBX, ECX, EDX. Bytes outside printable ASCII become dots. */
export function vendorOfLeaf(registers: CpuidLeaf): string {
  let text = ''
  for (const word of [registers.ebx, registers.ecx, registers.edx]) {
    for (let at = 0; at < 32; at += 8) {
      const byte = (word >>> at) & 0xff
      text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
    }
  }
  return text
}

/** The vendor leaf that spells `vendor` (at most 12 ASCII characters, padded with NUL). */
export function leafOfVendor(vendor: string, maxLeaf: number): CpuidLeaf {
  const word = (from: number): number => {
    let value = 0
    for (let k = 3; k >= 0; k--) value = value * 256 + (vendor.charCodeAt(from + k) & 0x7f || 0)
    return value
  }
  return { eax: maxLeaf >>> 0, ebx: word(0), ecx: word(4), edx: word(8) }
}

/** The facts of leaves 0x40000003 and 0x40000004 that gate the calls of this folder. */
export interface HypervFeatures {
  /** 03.EAX[5]: GUEST_OS_ID and HYPERCALL may be used. */
  readonly hypercallMsrs: boolean
  /** 03.EAX[6]: VP_INDEX may be read. */
  readonly vpIndex: boolean
  /** 03.EBX[4], [5], [20]. */
  readonly postMessages: boolean
  readonly signalEvents: boolean
  readonly extendedHypercalls: boolean
  /** 03.EBX[11]. */
  readonly debugging: boolean
  /** 03.EDX[4]: more than 16 bytes of fast input. */
  readonly xmmFastInput: boolean
  /** 03.EDX[14]: flag bit 3 for the TLFS; for KVM only "a count may be in the low 12 bits". */
  readonly extendedGvaRanges: boolean
  /** 04.EAX[2], [10], [11]. */
  readonly remoteFlush: boolean
  readonly clusterIpi: boolean
  readonly exProcessorMasks: boolean
  /** 04.EBX: spins before the guest should notify; 0 and 0xffffffff mean never. */
  readonly spinRetries: number
}

/** Reads the gating facts from the two leaves. */
export function hypervFeaturesOf(features: CpuidLeaf, recommendations: CpuidLeaf): HypervFeatures {
  const bit = (word: number, n: number): boolean => ((word >>> n) & 1) === 1
  return {
    hypercallMsrs: bit(features.eax, 5),
    vpIndex: bit(features.eax, 6),
    postMessages: bit(features.ebx, 4),
    signalEvents: bit(features.ebx, 5),
    extendedHypercalls: bit(features.ebx, 20),
    debugging: bit(features.ebx, 11),
    xmmFastInput: bit(features.edx, 4),
    extendedGvaRanges: bit(features.edx, 14),
    remoteFlush: bit(recommendations.eax, 2),
    clusterIpi: bit(recommendations.eax, 10),
    exProcessorMasks: bit(recommendations.eax, 11),
    spinRetries: recommendations.ebx >>> 0,
  }
}
