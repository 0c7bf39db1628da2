/**
 * Inputs of the flush calls. Source: TLFS, HvCallFlushVirtualAddressSpace, ...List, ...SpaceEx, ...ListEx (0x2, 0x3,
 * 0x13, 0x14) and the two guest-physical calls of nested hypervisors (0xaf, 0xb0).
 *
 * ```
 *       space, list               space-ex, list-ex          gpa-space, gpa-list
 *  0    AddressSpace              AddressSpace               EPT root
 *  8    Flags                     Flags                      Flags (reserved)
 * 16    ProcessorMask             Format                     GPA range i (list)
 * 24    GVA range i (list)        ValidBankMask
 * 32                              bank k, then GVA range i
 * ```
 */
import { checkU64, viewOf } from './bytes.ts'
import { callShape, callShapeByName, inputSize } from './calls.ts'
import { type ControlWord, encodeControlWord } from './control-word.ts'
import { type Decoded, decoded, tooShort, undecodable } from './decoded.ts'
import { readVpSet, type VpSet, writeVpSet } from './vp-set.ts'

/** All VPs of the partition; the processor mask or set is ignored. */
export const HV_FLUSH_ALL_PROCESSORS = 0x1n
/** All address spaces; the AddressSpace field is ignored. */
export const HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES = 0x2n
/** Global translations may survive (never: must). */
export const HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY = 0x4n
/** List elements are in the extended format. PDF v5/v6 only, gated by CPUID 0x40000003.EDX[14]. */
export const HV_FLUSH_USE_EXTENDED_RANGE_FORMAT = 0x8n
/** The flags that some edition of the TLFS defines. */
export const HV_FLUSH_KNOWN_FLAGS = 0xfn

/** The flag bits with their names; bits 4, 8 and 9 are in OpenVMM's `hvdef` only. */
export const FLUSH_FLAG_NAMES: readonly (readonly [bigint, string])[] = [
  [0x1n, 'ALL_PROCESSORS'],
  [0x2n, 'ALL_VIRTUAL_ADDRESS_SPACES'],
  [0x4n, 'NON_GLOBAL_MAPPINGS_ONLY'],
  [0x8n, 'USE_EXTENDED_RANGE_FORMAT'],
  [0x10n, 'USE_TARGET_VTL'],
  [0x100n, 'TARGET_VTL0'],
  [0x200n, 'TARGET_VTL1'],
]

interface FlushCommon {
  /** The CR3 value, or the root of the nested tables for the guest-physical calls. */
  readonly addressSpace: bigint
  /** HV_FLUSH_* bits, all 64 of them. */
  readonly flags: bigint
}

/** The typed input of a flush call. `gvaList` keeps the raw elements: what they mean depends on flags and host. */
export type FlushInput =
  | (FlushCommon & { readonly call: 'space'; readonly processorMask: bigint })
  | (FlushCommon & {
      readonly call: 'list'
      readonly processorMask: bigint
      readonly gvaList: readonly bigint[]
    })
  | (FlushCommon & { readonly call: 'space-ex'; readonly vpSet: VpSet })
  | (FlushCommon & { readonly call: 'list-ex'; readonly vpSet: VpSet; readonly gvaList: readonly bigint[] })
  | (FlushCommon & { readonly call: 'gpa-space' })
  | (FlushCommon & { readonly call: 'gpa-list'; readonly gvaList: readonly bigint[] })

export type FlushCall = FlushInput['call']

/** The input of one kind of flush call. */
export type FlushInputOf<C extends FlushCall> = Extract<FlushInput, { readonly call: C }>

/** A call ready to be made: the control word, and the input as it lies in memory or in the register block. */
export interface EncodedCall {
  readonly control: bigint
  readonly bytes: Uint8Array
}

/**
 * Encodes a flush call for the memory form: control word and input block. For the register forms pass the result to
 * `fastRegisters`. The block may exceed a page: whether it does is the caller's question (see `listCapacity`).
 */
export function encodeFlushInput(input: FlushInput): EncodedCall {
  const bytes = new Uint8Array(flushInputSize(input))
  writeFlushInput(viewOf(bytes), 0, input)
  return { control: flushControlWord(input), bytes }
}

/** The control word of a flush call in its memory form, from element 0. */
export function flushControlWord(input: FlushInput): bigint {
  return encodeControlWord({
    callCode: callShapeByName(input.call).code,
    variableHeaderSize: banksIn(input),
    repCount: elementsIn(input),
  })
}

/** Bytes that {@link writeFlushInput} writes. */
export function flushInputSize(input: FlushInput): number {
  return callShapeByName(input.call).fixedHeader + 8 * banksIn(input) + 8 * elementsIn(input)
}

function banksIn(input: FlushInput): number {
  return 'vpSet' in input ? input.vpSet.banks.length : 0
}

function elementsIn(input: FlushInput): number {
  return 'gvaList' in input ? input.gvaList.length : 0
}

/** Writes a flush input into a page that the caller owns, without allocating; gives the offset behind it. */
export function writeFlushInput(view: DataView, offset: number, input: FlushInput): number {
  view.setBigUint64(offset, checkU64('address space', input.addressSpace), true)
  view.setBigUint64(offset + 8, checkU64('flags', input.flags), true)
  switch (input.call) {
    case 'space':
    case 'list':
      view.setBigUint64(offset + 16, checkU64('processor mask', input.processorMask), true)
      return input.call === 'list' ? writeList(view, offset + 24, input.gvaList) : offset + 24
    case 'space-ex':
      return writeVpSet(view, offset + 16, input.vpSet)
    case 'list-ex':
      return writeList(view, writeVpSet(view, offset + 16, input.vpSet), input.gvaList)
    case 'gpa-space':
      return offset + 16
    case 'gpa-list':
      return writeList(view, offset + 16, input.gvaList)
  }
}

function writeList(view: DataView, offset: number, gvaList: readonly bigint[]): number {
  let at = offset
  for (const element of gvaList) {
    view.setBigUint64(at, checkU64('GVA range', element), true)
    at += 8
  }
  return at
}

function readList(view: DataView, offset: number, count: number): bigint[] {
  const list: bigint[] = []
  for (let i = 0; i < count; i++) list.push(view.getBigUint64(offset + 8 * i, true))
  return list
}

/**
 * Reads the input of a flush call. Sizes come from the control word alone (banks = variable header size, elements =
 * rep count), as they lie in memory; whether banks and mask agree is for the hypervisor to judge. Bytes beyond the
 * input are ignored.
 */
export function decodeFlushInput(
  control: Pick<ControlWord, 'callCode' | 'variableHeaderSize' | 'repCount'>,
  bytes: Uint8Array,
): Decoded<FlushInput> {
  const shape = callShape(control.callCode)
  if (shape === undefined || shape.name === 'ipi' || shape.name === 'ipi-ex') {
    return undecodable('unknown-call', `call code 0x${control.callCode.toString(16)} is not a flush call`)
  }
  const needed = inputSize(shape, control)
  if (bytes.length < needed) return tooShort(`${shape.title} input`, needed, bytes.length)
  const view = viewOf(bytes)
  const addressSpace = view.getBigUint64(0, true)
  const flags = view.getBigUint64(8, true)
  const listAt = shape.fixedHeader + 8 * control.variableHeaderSize
  switch (shape.name) {
    case 'space':
      return decoded({ call: 'space', addressSpace, flags, processorMask: view.getBigUint64(16, true) })
    case 'list': {
      const processorMask = view.getBigUint64(16, true)
      const gvaList = readList(view, listAt, control.repCount)
      return decoded({ call: 'list', addressSpace, flags, processorMask, gvaList })
    }
    case 'space-ex': {
      const vpSet = readVpSet(view, 16, control.variableHeaderSize)
      return decoded({ call: 'space-ex', addressSpace, flags, vpSet })
    }
    case 'list-ex': {
      const vpSet = readVpSet(view, 16, control.variableHeaderSize)
      const gvaList = readList(view, listAt, control.repCount)
      return decoded({ call: 'list-ex', addressSpace, flags, vpSet, gvaList })
    }
    case 'gpa-space':
      return decoded({ call: 'gpa-space', addressSpace, flags })
    case 'gpa-list':
      return decoded({
        call: 'gpa-list',
        addressSpace,
        flags,
        gvaList: readList(view, listAt, control.repCount),
      })
  }
}

/** The address-space field that names an mm: the physical address of its root, without PCID, LAM or no-flush bits. */
export function addressSpaceOf(cr3: bigint): bigint {
  return cr3 & 0x000f_ffff_ffff_f000n
}
