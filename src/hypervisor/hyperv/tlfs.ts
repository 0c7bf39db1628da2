/**
 * The profile of the specification. Source: TLFS web edition, with PDF v6.0b where it says more (reserved CR3 bits,
 * the extended range format). Where several errors apply the specification does not say which one wins; the order
 * here is one choice, and only ACCESS_DENIED before anything that would leak information is required.
 */
import { type CallShape, callShape, inputSize } from '../../abi/calls.ts'
import { type ControlWord, decodeControlWord, withRepStart } from '../../abi/control-word.ts'
import {
  decodeFlushInput,
  type FlushInput,
  HV_FLUSH_ALL_PROCESSORS,
  HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES,
  HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY,
  HV_FLUSH_USE_EXTENDED_RANGE_FORMAT,
} from '../../abi/flush.ts'
import { decodeIpiInput, HV_IPI_HIGH_VECTOR, HV_IPI_LOW_VECTOR } from '../../abi/ipi.ts'
import { FAST_BYTES, registerBlock, XMM_FAST_BYTES } from '../../abi/registers.ts'
import {
  HV_STATUS_ACCESS_DENIED,
  HV_STATUS_INVALID_ALIGNMENT,
  HV_STATUS_INVALID_HYPERCALL_CODE,
  HV_STATUS_INVALID_HYPERCALL_INPUT,
  HV_STATUS_INVALID_PARAMETER,
} from '../../abi/status.ts'
import { bankCount, HV_GENERIC_SET_ALL, HV_GENERIC_SET_SPARSE_4K, type VpSet } from '../../abi/vp-set.ts'
import { scopeOfInput } from './meaning.ts'
import type { HypercallCall, PartitionFacts, PartitionFeatures } from './partition.ts'
import { failure, type HypercallPlan, invalidOpcode, success } from './plan.ts'
import { namesNobody, vpsOfBanks, vpsOfMask } from './targets.ts'

/** Decides one call by the specification. */
export function planTlfs(call: HypercallCall, partition: PartitionFacts): HypercallPlan {
  const { registers, caller } = call
  if (caller.cpl !== 0) return invalidOpcode(`the caller runs at CPL ${caller.cpl}`)
  if (caller.mode === 'real') return invalidOpcode('the caller is in real mode')

  const control = decodeControlWord(registers.rcx)
  const shape = callShape(control.callCode)
  if (shape === undefined || shape.name === 'gpa-space' || shape.name === 'gpa-list') {
    return failure(
      HV_STATUS_INVALID_HYPERCALL_CODE,
      `call code 0x${control.callCode.toString(16)} is unknown`,
    )
  }
  if (!isRecommended(shape, partition.features)) {
    return failure(HV_STATUS_ACCESS_DENIED, 'CPUID 0x40000004 does not recommend this call')
  }
  const malformed = controlFault(shape, control)
  if (malformed !== null) return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, malformed)

  const block = control.fast
    ? fastBlock(call, shape, control, partition)
    : memoryBlock(call, shape, control, partition)
  if (!(block instanceof Uint8Array)) return block
  return shape.name === 'ipi' || shape.name === 'ipi-ex'
    ? planIpi(control, block, partition)
    : planFlush(call, control, block, partition)
}

/** Whether CPUID leaf 0x40000004 recommends a call; without that a guest may not use it. */
export function isRecommended(shape: CallShape, features: PartitionFeatures): boolean {
  const family = shape.name === 'ipi' || shape.name === 'ipi-ex' ? features.clusterIpi : features.remoteFlush
  return family && (!shape.variable || features.exProcessorMasks)
}

/** What is wrong with a control word for a call of this shape, or `null`. */
function controlFault(shape: CallShape, control: ControlWord): string | null {
  if (control.reserved !== 0n) return 'reserved bits of the control word are set'
  if (control.nested) return 'the nested bit is set and the caller is no nested hypervisor'
  return repFault(shape, control) ?? headerFault(shape, control)
}

/** Rep count and rep start: both 0 on a simple call; count > start on a rep call. */
export function repFault(shape: CallShape, control: ControlWord): string | null {
  if (!shape.rep) {
    return control.repCount === 0 && control.repStart === 0
      ? null
      : 'a simple call has a rep count or rep start'
  }
  if (control.repCount === 0) return 'a rep call has rep count 0'
  return control.repStart < control.repCount ? null : 'rep start is not below rep count'
}

/** The variable header: only calls with a VP set have one. */
export function headerFault(shape: CallShape, control: ControlWord): string | null {
  return shape.variable || control.variableHeaderSize === 0 ? null : 'the call has no variable header'
}

function fastBlock(
  call: HypercallCall,
  shape: CallShape,
  control: ControlWord,
  partition: PartitionFacts,
): Uint8Array | HypercallPlan {
  const size = inputSize(shape, control)
  if (size > XMM_FAST_BYTES) {
    return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, `${size} bytes of input do not fit in registers (112)`)
  }
  if (size > FAST_BYTES && !partition.features.xmmFastInput) {
    return invalidOpcode('XMM input is not advertised (CPUID 0x40000003.EDX[4])')
  }
  return registerBlock(call.registers)
}

function memoryBlock(
  call: HypercallCall,
  shape: CallShape,
  control: ControlWord,
  partition: PartitionFacts,
): Uint8Array | HypercallPlan {
  const gpa = call.registers.rdx
  const size = inputSize(shape, control)
  if ((gpa & 7n) !== 0n) return failure(HV_STATUS_INVALID_ALIGNMENT, 'the input is not 8-byte aligned')
  if (Number(gpa & 0xfffn) + size > 4096) {
    return failure(HV_STATUS_INVALID_ALIGNMENT, `${size} bytes of input cross a page boundary`)
  }
  if (gpa >> BigInt(partition.physicalAddressBits) !== 0n) {
    return failure(HV_STATUS_INVALID_ALIGNMENT, 'the input lies outside the guest physical address space')
  }
  const block = call.memory(gpa, size)
  if (block === null) return { kind: 'intercept', gpa, reason: 'the input cannot be read' }
  return block
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
  const wrong = flagsFault(input, partition) ?? addressSpaceFault(input, partition) ?? targetFault(input)
  if (wrong !== null) return failure(HV_STATUS_INVALID_PARAMETER, wrong)

  // Part of a list: the elements from rep start on, as many as the time slice allows, at least one.
  const end = Math.min(
    control.repCount,
    control.repStart + Math.max(1, partition.repBudget ?? control.repCount),
  )
  const isWhole = !('gvaList' in input) || (control.repStart === 0 && end === control.repCount)
  const slice = isWhole ? input : { ...input, gvaList: input.gvaList.slice(control.repStart, end) }
  const flush = scopeOfInput(slice, partition)
  const locked = partition.tlbLockedVps.filter((vp) => vp !== call.caller.vp && flush?.vps.includes(vp))
  if (locked.length > 0) return { kind: 'suspend', waitFor: locked, reason: 'a target has its TLB locked' }
  if (end < control.repCount) {
    const rcx = withRepStart(call.registers.rcx, end)
    return { kind: 'continue', rcx, flush, reason: `${end} of ${control.repCount} elements are done` }
  }
  return success('flushed', { repsCompleted: control.repCount, flush, awaited: flush?.vps ?? [] })
}

/** Reserved flags; NON_GLOBAL is documented as an invalid option of list calls, EXTENDED belongs to lists only. */
function flagsFault(input: FlushInput, partition: PartitionFacts): string | null {
  const isList = 'gvaList' in input
  const known = isList && partition.features.extendedGvaRanges ? 0xfn : 0x7n
  const { flags } = input
  if ((flags & HV_FLUSH_USE_EXTENDED_RANGE_FORMAT) !== 0n && (known & 8n) === 0n) {
    return isList
      ? 'the extended range format is not advertised (CPUID 0x40000003.EDX[14])'
      : 'the extended range format on a call without ranges'
  }
  if ((flags & ~known) !== 0n) return 'reserved flags are set'
  if (isList && (flags & HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY) !== 0n) {
    return 'NON_GLOBAL_MAPPINGS_ONLY is no option of list calls'
  }
  return null
}

function addressSpaceFault(input: FlushInput, partition: PartitionFacts): string | null {
  if ((input.flags & HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES) !== 0n) return null
  const reserved = input.addressSpace >> BigInt(partition.physicalAddressBits)
  return reserved === 0n ? null : 'the address space is no legal CR3 value: reserved bits are set'
}

function targetFault(input: FlushInput): string | null {
  if ((input.flags & HV_FLUSH_ALL_PROCESSORS) !== 0n) return null
  if ('processorMask' in input) return input.processorMask === 0n ? 'the processor mask is empty' : null
  if (!('vpSet' in input)) return null
  const wrong = vpSetFault(input.vpSet)
  if (wrong !== null) return wrong
  return input.vpSet.format === HV_GENERIC_SET_SPARSE_4K && namesNobody(input.vpSet.banks)
    ? 'the VP set is empty'
    : null
}

function vpSetFault(set: VpSet): string | null {
  if (set.format === HV_GENERIC_SET_ALL) return null
  if (set.format !== HV_GENERIC_SET_SPARSE_4K) return `VP set format ${set.format} is undefined`
  const announced = bankCount(set.validBankMask)
  return announced === set.banks.length
    ? null
    : `the mask announces ${announced} banks, the variable header holds ${set.banks.length}`
}

function planIpi(control: ControlWord, block: Uint8Array, partition: PartitionFacts): HypercallPlan {
  const read = decodeIpiInput(control, block)
  if (!read.ok) return failure(HV_STATUS_INVALID_HYPERCALL_INPUT, read.error.message)
  const input = read.value
  const { vector } = input
  if (vector < HV_IPI_LOW_VECTOR || vector > HV_IPI_HIGH_VECTOR) {
    return failure(HV_STATUS_INVALID_PARAMETER, `vector 0x${vector.toString(16)} is outside 0x10..0xff`)
  }
  if (input.reserved !== 0) return failure(HV_STATUS_INVALID_PARAMETER, 'reserved bytes are set')
  if (input.call === 'ipi') {
    return success('sent', { ipi: { vector, vps: vpsOfMask(input.processorMask, partition) } })
  }
  const wrong = vpSetFault(input.vpSet)
  if (wrong !== null) return failure(HV_STATUS_INVALID_PARAMETER, wrong)
  const { format, validBankMask, banks } = input.vpSet
  const vps = format === HV_GENERIC_SET_ALL ? partition.vps : vpsOfBanks(validBankMask, banks, partition)
  return success('sent', { ipi: { vector, vps } })
}
