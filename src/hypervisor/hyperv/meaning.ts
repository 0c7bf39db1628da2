/**
 * What a call asks for by the words of the specification, whatever a particular hypervisor does with it. Compared
 * with a plan's flush it tells over-flushing (always conforming) from under-flushing (a bug of host or guest).
 */

import { callShape, inputSize } from '../../abi/calls.ts'
import { decodeControlWord } from '../../abi/control-word.ts'
import {
  decodeFlushInput,
  type FlushInput,
  HV_FLUSH_ALL_PROCESSORS,
  HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES,
  HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY,
  HV_FLUSH_USE_EXTENDED_RANGE_FORMAT,
} from '../../abi/flush.ts'
import { registerBlock } from '../../abi/registers.ts'
import { HV_GENERIC_SET_ALL } from '../../abi/vp-set.ts'
import type { HypercallCall, PartitionFacts } from './partition.ts'
import type { FlushScope } from './plan.ts'
import { spansOfElements } from './spans.ts'
import { vpsOfBanks, vpsOfMask } from './targets.ts'

/** The flush that a decoded input asks for; `null` for the guest-physical calls, which name no VP's TLB. */
export function scopeOfInput(input: FlushInput, partition: PartitionFacts, repStart = 0): FlushScope | null {
  if (input.call === 'gpa-space' || input.call === 'gpa-list') return null
  const { flags } = input
  const format = (flags & HV_FLUSH_USE_EXTENDED_RANGE_FORMAT) !== 0n ? 'extended' : 'legacy'
  return {
    vps: targetsOfInput(input, partition),
    addressSpace: (flags & HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES) !== 0n ? 'all' : input.addressSpace,
    globals: (flags & HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY) !== 0n ? 'may-survive' : 'flushed',
    spans:
      'gvaList' in input
        ? spansOfElements(input.gvaList.slice(repStart), format, partition.virtualAddressBits)
        : 'all',
  }
}

function targetsOfInput(
  input: Exclude<FlushInput, { readonly call: 'gpa-space' | 'gpa-list' }>,
  partition: PartitionFacts,
): readonly number[] {
  if ((input.flags & HV_FLUSH_ALL_PROCESSORS) !== 0n) return partition.vps
  if ('processorMask' in input) return vpsOfMask(input.processorMask, partition)
  const { format, validBankMask, banks } = input.vpSet
  return format === HV_GENERIC_SET_ALL ? partition.vps : vpsOfBanks(validBankMask, banks, partition)
}

/** What the call at these registers asks for; `null` when it is no flush call or its input cannot be read. */
export function scopeOfCall(call: HypercallCall, partition: PartitionFacts): FlushScope | null {
  const control = decodeControlWord(call.registers.rcx)
  const shape = callShape(control.callCode)
  if (shape === undefined) return null
  const block = control.fast
    ? registerBlock(call.registers)
    : call.memory(call.registers.rdx, inputSize(shape, control))
  if (block === null) return null
  const input = decodeFlushInput(control, block)
  return input.ok ? scopeOfInput(input.value, partition, control.repStart) : null
}
