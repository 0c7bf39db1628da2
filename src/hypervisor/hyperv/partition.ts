/**
 * What a hypervisor knows when a guest makes a Hyper-V call: plain data, given to the profiles from outside. Nothing
 * here changes during a call, and nothing is kept between calls.
 */
import type { HypercallRegisters } from '../../abi/registers.ts'

/** Whose behaviour: the specification's, or that of one of three implementations. */
export type ProfileName = 'tlfs' | 'kvm' | 'openvmm' | 'xen'

export const PROFILE_NAMES: readonly ProfileName[] = ['tlfs', 'kvm', 'openvmm', 'xen']

/** The guest's physical memory: `length` bytes at `gpa`, or `null` when any of them cannot be read. */
export type GuestMemory = (gpa: bigint, length: number) => Uint8Array | null

/** The processor mode at the hypercall instruction. */
export type CallerMode = 'real' | 'protected16' | 'protected32' | 'long64'

/** The virtual processor that makes the call. */
export interface CallerState {
  readonly vp: number
  readonly cpl: number
  readonly mode: CallerMode
  /** Bit 31 of EAX, which the hypercall page sets on Xen: clear means a Xen hypercall. */
  readonly eaxBit31: boolean
  /** Set when the call comes from a nested (L2) guest and the hypervisor serves it directly. */
  readonly nested: NestedCaller | null
}

/** A nested guest's direct flush. Source: TLFS, "Direct virtual flush". */
export interface NestedCaller {
  readonly vmId: number
  /** The u32 that the hypervisor reads from the partition assist page after success; `null` when unreadable. */
  readonly tlbLockCount: number | null
}

/** A hypercall instruction: registers (a 32-bit caller's widened, see `widenRegisters`), memory and who executes it. */
export interface HypercallCall {
  readonly registers: HypercallRegisters
  readonly memory: GuestMemory
  readonly caller: CallerState
}

/** The CPUID bits that gate the calls (see `abi/cpuid.ts` for their leaves). */
export interface PartitionFeatures {
  readonly xmmFastInput: boolean
  readonly extendedGvaRanges: boolean
  readonly remoteFlush: boolean
  readonly clusterIpi: boolean
  readonly exProcessorMasks: boolean
  readonly postMessages: boolean
  readonly signalEvents: boolean
  readonly debugging: boolean
  readonly extendedHypercalls: boolean
  /** 0x40000004.EBX; 0 and 0xffffffff mean that the guest should never notify. */
  readonly spinRetries: number
}

/** What the partition is and how its hypervisor is configured. */
export interface PartitionFacts {
  /** The VP indices that exist, ascending. They are neither CPU numbers nor APIC ids. */
  readonly vps: readonly number[]
  readonly features: PartitionFeatures
  /** KVM's CPUID enforcement; the specification always enforces. */
  readonly enforceCpuid: boolean
  /** GUEST_OS_ID: while it is 0, KVM has no Hyper-V calls. */
  readonly guestOsId: bigint
  readonly physicalAddressBits: number
  readonly virtualAddressBits: 48 | 57
  /** List elements done in one entry before the guest gets its interrupts; `null` for all of them. */
  readonly repBudget: number | null
  /** VPs whose TLB is locked just now (an intercept handler or a higher VTL is in the middle of something). */
  readonly tlbLockedVps: readonly number[]
  /** `exact`: flush no more than was asked wherever the profile flushes at least that; the strictest conforming host. */
  readonly semantics: 'profile' | 'exact'
  readonly kvm: KvmFacts
  readonly openvmm: { readonly backend: 'snp' | 'tdx' }
  readonly xen: { readonly maxVcpus: number; readonly flush: 'free' | 'contended' }
}

export interface KvmFacts {
  readonly maxVcpus: number
  /** Two-dimensional paging; without it every flush is a full one. */
  readonly tdp: boolean
  /** Whether the synthetic interrupt controller is active, and the debugger's calls are offered. */
  readonly synic: 'active' | 'inactive'
  readonly syndbg: 'absent' | 'present' | 'hypercalls'
  /** Which nested VP each VP runs just now. */
  readonly nestedVps: readonly { readonly vp: number; readonly vmId: number; readonly vpId: number }[]
}

/** Everything advertised, nothing locked, 64-bit guest of Linux 6.1. */
export function partitionOf(vps: Iterable<number>, changes: Partial<PartitionFacts> = {}): PartitionFacts {
  return {
    vps: [...vps].sort((a, b) => a - b),
    features: {
      xmmFastInput: true,
      extendedGvaRanges: false,
      remoteFlush: true,
      clusterIpi: true,
      exProcessorMasks: true,
      postMessages: true,
      signalEvents: true,
      debugging: false,
      extendedHypercalls: false,
      spinRetries: 0xffff_ffff,
    },
    enforceCpuid: false,
    guestOsId: 0x8100_0006_0100_0000n,
    physicalAddressBits: 46,
    virtualAddressBits: 48,
    repBudget: null,
    tlbLockedVps: [],
    semantics: 'profile',
    kvm: { maxVcpus: 1024, tdp: true, synic: 'inactive', syndbg: 'absent', nestedVps: [] },
    openvmm: { backend: 'snp' },
    xen: { maxVcpus: 128, flush: 'free' },
    ...changes,
  }
}

/** A kernel-mode 64-bit caller on `vp`, going through the hypercall page. */
export function callerOn(vp: number, changes: Partial<CallerState> = {}): CallerState {
  return { vp, cpl: 0, mode: 'long64', eaxBit31: true, nested: null, ...changes }
}
