/**
 * Inputs of the two cluster-IPI calls. Source: TLFS, HvCallSendSyntheticClusterIpi and ...IpiEx (0xb, 0x15).
 *
 * ```
 *       ipi                          ipi-ex
 *  0    vector (32 bits)             vector (32 bits)
 *  4    target VTL, 3 bytes zero     target VTL, 3 bytes zero
 *  8    ProcessorMask                Format
 * 16                                 ValidBankMask
 * 24                                 bank k
 * ```
 */
import { checkU64, viewOf } from './bytes.ts'
import { callShape, callShapeByName, inputSize } from './calls.ts'
import { type ControlWord, encodeControlWord } from './control-word.ts'
import { checkField, type Decoded, decoded, tooShort, undecodable } from './decoded.ts'
import type { EncodedCall } from './flush.ts'
import { readVpSet, type VpSet, writeVpSet } from './vp-set.ts'

/** Vectors below and above these are refused by every hypervisor, each with a status of its own. */
export const HV_IPI_LOW_VECTOR = 0x10
export const HV_IPI_HIGH_VECTOR = 0xff

interface IpiCommon {
  /** 32 bits; a valid one is in 0x10..0xff. */
  readonly vector: number
  /** The byte at offset 4. */
  readonly targetVtl: number
  /** The three bytes at offset 5, as one number; a well-formed input has 0. */
  readonly reserved: number
}

/** The typed input of a cluster IPI. */
export type IpiInput =
  | (IpiCommon & { readonly call: 'ipi'; readonly processorMask: bigint })
  | (IpiCommon & { readonly call: 'ipi-ex'; readonly vpSet: VpSet })

/** Encodes a cluster IPI for the memory form: control word and input block. */
export function encodeIpiInput(input: IpiInput): EncodedCall {
  const shape = callShapeByName(input.call)
  const banks = input.call === 'ipi-ex' ? input.vpSet.banks.length : 0
  const bytes = new Uint8Array(shape.fixedHeader + 8 * banks)
  const view = viewOf(bytes)
  view.setUint32(0, checkField('vector', input.vector, 0xffff_ffff), true)
  const vtl = checkField('target VTL', input.targetVtl, 0xff)
  view.setUint32(4, checkField('reserved bytes', input.reserved, 0xff_ffff) * 0x100 + vtl, true)
  if (input.call === 'ipi') view.setBigUint64(8, checkU64('processor mask', input.processorMask), true)
  else writeVpSet(view, 8, input.vpSet)
  return { control: encodeControlWord({ callCode: shape.code, variableHeaderSize: banks }), bytes }
}

/** Reads the input of a cluster IPI; the number of banks is the control word's variable header size. */
export function decodeIpiInput(
  control: Pick<ControlWord, 'callCode' | 'variableHeaderSize' | 'repCount'>,
  bytes: Uint8Array,
): Decoded<IpiInput> {
  const shape = callShape(control.callCode)
  if (shape === undefined || (shape.name !== 'ipi' && shape.name !== 'ipi-ex')) {
    return undecodable('unknown-call', `call code 0x${control.callCode.toString(16)} is not a cluster IPI`)
  }
  const needed = inputSize(shape, control)
  if (bytes.length < needed) return tooShort(`${shape.title} input`, needed, bytes.length)
  const view = viewOf(bytes)
  const word = view.getUint32(4, true)
  const common = { vector: view.getUint32(0, true), targetVtl: word & 0xff, reserved: word >>> 8 }
  if (shape.name === 'ipi') {
    return decoded({ call: 'ipi', ...common, processorMask: view.getBigUint64(8, true) })
  }
  return decoded({ call: 'ipi-ex', ...common, vpSet: readVpSet(view, 8, control.variableHeaderSize) })
}
