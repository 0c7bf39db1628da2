/**
 * OpenVMM: the shared dispatcher and the two backends of OpenHCL's confidential VMs. Source: microsoft/openvmm,
 * `vm/hv1/hv1_hypercall` (dispatch and processor sets) and `openhcl/virt_mshv_vtl` (`hcvm_validate_flush_inputs`, the
 * SNP and TDX flushes). CPL, the recommendation bits and the XMM bit are not modelled there, so they are not here.
 *
 * Peculiar: reserved bits of the control word are not looked at; crossing a page is INVALID_HYPERCALL_INPUT and comes
 * before alignment; a VP set must be sparse; the address space is never looked at.
 */
import { type CallShape, callShape, inputSize } from '../../abi/calls.ts'
import { type ControlWord, decodeControlWord, withRepStart } from '../../abi/control-word.ts'
import {
  decodeFlushInput,
  type FlushInput,
  HV_FLUSH_ALL_PROCESSORS,
  HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY,
  HV_FLUSH_USE_EXTENDED_RANGE_FORMAT,
} from '../../abi/flush.ts'
import { decodeGvaRange, PAGE_NUMBERS, PAGES_PER, type PageSpan } from '../../abi/gva-range.ts'
import { decodeIpiInput, HV_IPI_HIGH_VECTOR, HV_IPI_LOW_VECTOR } from '../../abi/ipi.ts'
import { FAST_BYTES, registerBlock, XMM_FAST_BYTES } from '../../abi/registers.ts'
import {
  HV_STATUS_INVALID_ALIGNMENT,
  HV_STATUS_INVALID_HYPERCALL_CODE,
  HV_STATUS_INVALID_HYPERCALL_INPUT,
  HV_STATUS_INVALID_PARAMETER,
} from '../../abi/status.ts'
import { bankCount, HV_GENERIC_SET_SPARSE_4K, type VpSet } from '../../abi/vp-set.ts'
import type { HypercallCall, PartitionFacts } from './partition.ts'
import { type FlushScope, failure, type HypercallPlan, success } from './plan.ts'
import { wrappedSpan } from './spans.ts'
import { namesNobody, vpsOfBanks, vpsOfMask } from './targets.ts'
import { headerFault, repFault } from './tlfs.ts'

/** More ranges, or more additional pages in one, and the SNP backend flushes everything. */
const SNP_MOST = 16
/** Ranges that the TDX backend's ring holds. */
const TDX_RING = 32

/** Decides one call as OpenVMM's dispatcher and OpenHCL's backends do. */
export function planOpenvmm(call: HypercallCall, partition: PartitionFacts): HypercallPlan {
  const control = decodeControlWord(call.registers.rcx)
  const shape = callShape(control.callCode)
  if (shape === undefined || shape.name === 'gpa-space' || shape.name === 'gpa-list') {
    return failure(
      HV_STATUS_INVALID_HYPERCALL_CODE,
      `call code 0x${control.callCode.toString(16)} is unknown`,
    )
  }
  const malformed = repFault(shape, control) ?? headerFault(shape, control)
  if (malformed !== null) return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, malformed)
  const block = control.fast ? fastBlock(call, shape, control) : memoryBlock(call, shape, control)
  if (!(block instanceof Uint8Array)) return block
  return shape.name === 'ipi' || shape.name === 'ipi-ex'
    ? planIpi(control, block, partition)
    : planFlush(call, control, block, partition)
}

/** Fast input is taken in pairs of registers: seven for a 64-bit caller, one for a 32-bit one. */
function fastBlock(call: HypercallCall, shape: CallShape, control: ControlWord): Uint8Array | HypercallPlan {
  const most = call.caller.mode === 'long64' ? XMM_FAST_BYTES : FAST_BYTES
  const size = inputSize(shape, control)
  if (size <= most) return registerBlock(call.registers)
  return failure(
    HV_STATUS_INVALID_HYPERCALL_INPUT,
    `${size} bytes of input do not fit in registers (${most})`,
  )
}

function memoryBlock(
  call: HypercallCall,
  shape: CallShape,
  control: ControlWord,
): Uint8Array | HypercallPlan {
  const gpa = call.registers.rdx
  const size = inputSize(shape, control)
  if (size > 4096 - Number(gpa & 0xfffn)) {
    return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, `${size} bytes of input cross a page boundary`)
  }
  if ((gpa & 7n) !== 0n) return failure(HV_STATUS_INVALID_ALIGNMENT, 'the input is not 8-byte aligned')
  const block = call.memory(gpa, size)
  return block ?? failure(HV_STATUS_INVALID_HYPERCALL_INPUT, 'the input cannot be read')
}

function planFlush(
  call: HypercallCall,
  control: ControlWord,
  block: Uint8Array,
  partition: PartitionFacts,
): HypercallPlan {
  const read = decodeFlushInput(control, block)
  if (!read.ok) return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, read.error.message)
  const input = read.value
  const wrong = setFault(input) ?? flagsFault(input)
  if (wrong !== null) return failure(HV_STATUS_INVALID_PARAMETER, wrong)

  const end = Math.min(
    control.repCount,
    control.repStart + Math.max(1, partition.repBudget ?? control.repCount),
  )
  const elements = 'gvaList' in input ? input.gvaList.slice(control.repStart, end) : null
  const named = namedVps(input, partition)
  const flush = flushOf(input, elements, named, call.caller.vp, partition)
  if (end < control.repCount) {
    const rcx = withRepStart(call.registers.rcx, end)
    return { kind: 'continue', rcx, flush, reason: `${end} of ${control.repCount} elements are done` }
  }
  return success(`flushed by the ${partition.openvmm.backend.toUpperCase()} backend`, {
    repsCompleted: control.repCount,
    flush,
    awaited: partition.openvmm.backend === 'snp' ? flush.vps : named,
    awaitedLocks: partition.tlbLockedVps.filter((vp) => vp !== call.caller.vp),
  })
}

function setFault(input: FlushInput): string | null {
  if (!('vpSet' in input)) return null
  return vpSetFault(input.vpSet)
}

function vpSetFault(set: VpSet): string | null {
  if (set.format !== HV_GENERIC_SET_SPARSE_4K) return `VP set format ${set.format} is not the sparse one`
  const announced = bankCount(set.validBankMask)
  return announced === set.banks.length
    ? null
    : `the mask announces ${announced} banks, the variable header holds ${set.banks.length}`
}

function flagsFault(input: FlushInput): string | null {
  const known = 'gvaList' in input ? 0xfn : 0x7n
  if ((input.flags & ~known) !== 0n) return 'reserved flags are set'
  if ((input.flags & HV_FLUSH_ALL_PROCESSORS) !== 0n) return null
  const empty =
    'processorMask' in input ? input.processorMask === 0n : 'vpSet' in input && namesNobody(input.vpSet.banks)
  return empty ? 'the processor set is empty' : null
}

function namedVps(input: FlushInput, partition: PartitionFacts): readonly number[] {
  if ((input.flags & HV_FLUSH_ALL_PROCESSORS) !== 0n) return partition.vps
  if ('processorMask' in input) return vpsOfMask(input.processorMask, partition)
  if ('vpSet' in input) return vpsOfBanks(input.vpSet.validBankMask, input.vpSet.banks, partition)
  return []
}

/**
 * What goes. SNP broadcasts INVLPGB to every VP, but for a full non-global flush of the caller alone. TDX puts ranges
 * on a ring that every VP replays before it next runs; the set only says who is waited for.
 */
function flushOf(
  input: FlushInput,
  elements: readonly bigint[] | null,
  named: readonly number[],
  caller: number,
  partition: PartitionFacts,
): FlushScope {
  const nonGlobal = (input.flags & HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY) !== 0n
  const extended = (input.flags & HV_FLUSH_USE_EXTENDED_RANGE_FORMAT) !== 0n
  const spans = elements === null ? 'all' : spansOf(elements, extended ? 'extended' : 'legacy', partition)
  const selfOnly = named.length === 1 && named[0] === caller
  const local = partition.openvmm.backend === 'snp' && selfOnly && nonGlobal && spans === 'all'
  return {
    vps: local ? named : partition.vps,
    addressSpace: 'all',
    globals: nonGlobal ? 'may-survive' : 'flushed',
    spans,
  }
}

function spansOf(
  elements: readonly bigint[],
  format: 'legacy' | 'extended',
  partition: PartitionFacts,
): readonly PageSpan[] | 'all' {
  const ranges = elements.map((element) => ({ element, range: decodeGvaRange(element, format) }))
  if (partition.openvmm.backend === 'tdx') {
    const plain = ranges.length <= TDX_RING && ranges.every(({ range }) => range.pageSize === '4K')
    return plain
      ? ranges.flatMap(({ range }) => wrappedSpan({ first: range.page, count: range.additionalPages + 1 }))
      : 'all'
  }
  if (ranges.length > SNP_MOST || ranges.some(({ range }) => range.additionalPages > SNP_MOST)) return 'all'
  return ranges.flatMap(({ element, range }) => {
    // Large entries as the SNP backend reads them: bits 63:12 (2 MiB) or 63:21 unshifted (1 GiB) as a page number.
    const first =
      range.pageSize === '4K' ? range.page : Number(element >> (range.pageSize === '2M' ? 12n : 21n))
    const size = range.pageSize === '4K' ? 1 : PAGES_PER['2M']
    return wrappedSpan({ first: first % PAGE_NUMBERS, count: (range.additionalPages + 1) * size })
  })
}

/** Cluster IPIs: the processor sets are parsed as for flushes (the statuses here are unverified). */
function planIpi(control: ControlWord, block: Uint8Array, partition: PartitionFacts): HypercallPlan {
  const read = decodeIpiInput(control, block)
  if (!read.ok) return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, read.error.message)
  const input = read.value
  const wrong = input.call === 'ipi-ex' ? vpSetFault(input.vpSet) : null
  if (wrong !== null) return failure(HV_STATUS_INVALID_PARAMETER, wrong)
  const { vector } = input
  if (vector < HV_IPI_LOW_VECTOR || vector > HV_IPI_HIGH_VECTOR) {
    return failure(HV_STATUS_INVALID_PARAMETER, `vector 0x${vector.toString(16)} is outside 0x10..0xff`)
  }
  const vps =
    input.call === 'ipi'
      ? vpsOfMask(input.processorMask, partition)
      : vpsOfBanks(input.vpSet.validBankMask, input.vpSet.banks, partition)
  return success('sent', { ipi: { vector, vps } })
}
