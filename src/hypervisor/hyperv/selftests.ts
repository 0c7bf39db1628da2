/**
 * The cases of KVM's Hyper-V selftests (Linux `tools/testing/selftests/kvm`: `hyperv_tlb_flush`, `hyperv_features`,
 * `hyperv_ipi`), as data. `conformance.ts` runs them against a profile, with vCPUs that have TLBs.
 */
import {
  ALL_VPS,
  type EncodedCall,
  encodeControlWord,
  encodeFlushInput,
  encodeIpiInput,
  type FlushInput,
  HV_FLUSH_ALL_PROCESSORS,
  HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES,
  vpSetOf,
} from '../../abi/index.ts'
import type { PartitionFacts } from './partition.ts'

/** The sender, and the two VPs that must see what it did. 65 needs the Ex calls. */
export const SENDER = 0
export const WORKERS: readonly [number, number] = [2, 65]
/** The virtual address whose leaf entry changes in every iteration. */
export const TEST_PAGE = 0x7f00_0000_0000n

/** Memory form or register form. */
export type CallForm = 'slow' | 'fast'

/** One stage of `hyperv_tlb_flush`. */
export interface FlushCase {
  /** The stage of the memory form; the register form is 10 later. */
  readonly stage: number
  readonly title: string
  readonly call: EncodedCall
  /** VPs that must see the change; the others are not looked at. */
  readonly seenBy: readonly number[]
}

const EVERY_SPACE = HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES
const [NEAR, FAR] = WORKERS

function space(flags: bigint, processorMask: bigint): FlushInput {
  return { call: 'space', addressSpace: 0n, flags: EVERY_SPACE | flags, processorMask }
}

function list(flags: bigint, processorMask: bigint): FlushInput {
  return { call: 'list', addressSpace: 0n, flags: EVERY_SPACE | flags, processorMask, gvaList: [TEST_PAGE] }
}

function spaceEx(vps: readonly number[] | 'all'): FlushInput {
  const vpSet = vps === 'all' ? ALL_VPS : vpSetOf(vps)
  return { call: 'space-ex', addressSpace: 0n, flags: EVERY_SPACE, vpSet }
}

function listEx(vps: readonly number[] | 'all'): FlushInput {
  const vpSet = vps === 'all' ? ALL_VPS : vpSetOf(vps)
  return { call: 'list-ex', addressSpace: 0n, flags: EVERY_SPACE, vpSet, gvaList: [TEST_PAGE] }
}

function flushCase(stage: number, title: string, input: FlushInput, seenBy: readonly number[]): FlushCase {
  return { stage, title, call: encodeFlushInput(input), seenBy }
}

export const FLUSH_CASES: readonly FlushCase[] = [
  flushCase(1, 'SPACE, mask bit 2', space(0n, 4n), [NEAR]),
  flushCase(2, 'LIST, mask bit 2', list(0n, 4n), [NEAR]),
  flushCase(3, 'SPACE, ALL_PROCESSORS', space(HV_FLUSH_ALL_PROCESSORS, 0n), WORKERS),
  flushCase(4, 'LIST, ALL_PROCESSORS', list(HV_FLUSH_ALL_PROCESSORS, 0n), WORKERS),
  flushCase(5, 'SPACE_EX, sparse {65}', spaceEx([FAR]), [FAR]),
  flushCase(6, 'LIST_EX, sparse {65}', listEx([FAR]), [FAR]),
  flushCase(7, 'SPACE_EX, sparse {2, 65}', spaceEx(WORKERS), WORKERS),
  flushCase(8, 'LIST_EX, sparse {2, 65}', listEx(WORKERS), WORKERS),
  flushCase(9, 'SPACE_EX, format ALL', spaceEx('all'), WORKERS),
  flushCase(10, 'LIST_EX, format ALL', listEx('all'), WORKERS),
]

/** One stage of `hyperv_ipi`, in both forms; the vector is 0xfe and the counters rise on the targets alone. */
export interface IpiCase {
  readonly title: string
  readonly call: EncodedCall
  readonly targets: readonly number[] | 'all'
}

const IPI = { vector: 0xfe, targetVtl: 0, reserved: 0 } as const

function ipiEx(title: string, targets: readonly number[] | 'all'): IpiCase {
  const vpSet = targets === 'all' ? ALL_VPS : vpSetOf(targets)
  return { title, call: encodeIpiInput({ call: 'ipi-ex', ...IPI, vpSet }), targets }
}

export const IPI_CASES: readonly IpiCase[] = [
  {
    title: 'SEND_IPI to 2',
    call: encodeIpiInput({ call: 'ipi', ...IPI, processorMask: 4n }),
    targets: [NEAR],
  },
  ipiEx('SEND_IPI_EX, sparse {2}', [NEAR]),
  ipiEx('SEND_IPI_EX, sparse {65}', [FAR]),
  ipiEx('SEND_IPI_EX, sparse {2, 65}', WORKERS),
  ipiEx('SEND_IPI_EX, format ALL', 'all'),
]

/** One hypercall stage of `hyperv_features`: a call with zeroed input under CPUID enforcement. */
export interface FeatureCase {
  readonly stage: number
  readonly title: string
  readonly control: bigint
  /** What CPUID grants from this stage on. */
  readonly grant?: Partial<PartitionFacts['features']>
  readonly syndbg?: PartitionFacts['kvm']['syndbg']
  /** The status that KVM must answer, or #UD. */
  readonly expected: number | 'UD'
}

function feature(
  stage: number,
  title: string,
  callCode: number,
  expected: number | 'UD',
  more: Pick<FeatureCase, 'grant' | 'syndbg'> & { readonly form?: CallForm } = {},
): FeatureCase {
  const { form, ...state } = more
  return { stage, title, control: encodeControlWord({ callCode, fast: form === 'fast' }), expected, ...state }
}

/** Grants accumulate from stage to stage, as in the selftest. */
export const FEATURE_CASES: readonly FeatureCase[] = [
  feature(0, 'call code 0xbeef', 0xbeef, 2),
  feature(1, 'POST_MESSAGE', 0x5c, 6),
  feature(2, 'POST_MESSAGE, 03.EBX[4]', 0x5c, 3, { grant: { postMessages: true } }),
  feature(3, 'SIGNAL_EVENT', 0x5d, 6),
  feature(4, 'SIGNAL_EVENT, 03.EBX[5]', 0x5d, 3, { grant: { signalEvents: true } }),
  feature(5, 'RESET_DEBUG_SESSION', 0x6b, 2),
  feature(6, 'RESET_DEBUG_SESSION, debug leaf', 0x6b, 6, { syndbg: 'present' }),
  feature(7, 'RESET_DEBUG_SESSION, 03.EBX[11]', 0x6b, 8, { grant: { debugging: true } }),
  feature(8, 'FLUSH SPACE', 0x02, 6),
  feature(9, 'FLUSH SPACE, 04.EAX[2]', 0x02, 0, { grant: { remoteFlush: true } }),
  feature(10, 'FLUSH SPACE_EX', 0x13, 6),
  feature(11, 'FLUSH SPACE_EX, 04.EAX[11]', 0x13, 0, { grant: { exProcessorMasks: true } }),
  feature(12, 'SEND_IPI', 0x0b, 6),
  feature(13, 'SEND_IPI vector 0, 04.EAX[10]', 0x0b, 3, { grant: { clusterIpi: true } }),
  feature(14, 'SEND_IPI_EX, empty set', 0x15, 0),
  feature(15, 'LONG_SPIN_WAIT', 0x08, 6, { grant: { spinRetries: 0 } }),
  feature(16, 'LONG_SPIN_WAIT, 04.EBX', 0x08, 0, { grant: { spinRetries: 0xfff } }),
  feature(17, 'fast FLUSH SPACE', 0x02, 'UD', { form: 'fast' }),
  feature(18, 'fast FLUSH SPACE, 03.EDX[4]', 0x02, 0, { form: 'fast', grant: { xmmFastInput: true } }),
  feature(19, 'QUERY_CAPABILITIES', 0x8001, 6, { form: 'fast' }),
  feature(20, 'QUERY_CAPABILITIES, 03.EBX[20]', 0x8001, 5, {
    form: 'fast',
    grant: { extendedHypercalls: true },
  }),
]
