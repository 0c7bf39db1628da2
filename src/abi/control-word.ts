/**
 * The hypercall input value (RCX; EDX:EAX for 32-bit callers). Source: TLFS web edition, "Hypercall Inputs"; the
 * 10-bit variable header and the nested bit at 31 are the web edition's, Linux's and OpenVMM's layout, not PDF v6.0b's.
 *
 * ```
 *  63  60 59       48 47  44 43       32 31 30  27 26            17 16 15        0
 * +------+-----------+------+-----------+--+------+----------------+--+-----------+
 * | rsvd | rep start | rsvd | rep count |N | rsvd | var header (8B)|F | call code |
 * +------+-----------+------+-----------+--+------+----------------+--+-----------+
 * ```
 */
import { checkU64, u64 } from './bytes.ts'
import { checkField } from './decoded.ts'

/** Bits 30:27, 47:44 and 63:60: must be zero. */
export const CONTROL_RESERVED_MASK = 0xf000_f000_7800_0000n
export const CONTROL_FAST_BIT = 1n << 16n
export const CONTROL_NESTED_BIT = 1n << 31n
/** The largest value of the 12-bit rep fields. */
export const MAX_REPS = 0xfff
/** The largest value of the variable header field, in 8-byte units. */
export const MAX_VARIABLE_HEADER = 0x3ff

/** A hypercall input value, field by field, with the specification's names. */
export interface ControlWord {
  /** Bits 15:0. */
  readonly callCode: number
  /** Bit 16: the input is in registers, not in memory. */
  readonly fast: boolean
  /** Bits 26:17: the variable part of the header alone, in 8-byte units. */
  readonly variableHeaderSize: number
  /** Bit 31: the call is meant for the L0 hypervisor. */
  readonly nested: boolean
  /** Bits 43:32: number of elements of a rep call, 0 for a simple call. */
  readonly repCount: number
  /** Bits 59:48: index of the first element that is still to be done. */
  readonly repStart: number
  /** The reserved bits, in place; a well-formed word has 0 here. */
  readonly reserved: bigint
}

/** Splits any 64-bit value into the fields of a control word; there is no invalid input. */
export function decodeControlWord(word: bigint): ControlWord {
  const low = Number(BigInt.asUintN(32, word))
  const high = Number(BigInt.asUintN(32, word >> 32n))
  return {
    callCode: low & 0xffff,
    fast: (low & 0x1_0000) !== 0,
    variableHeaderSize: (low >>> 17) & 0x3ff,
    nested: (low & 0x8000_0000) !== 0,
    repCount: high & 0xfff,
    repStart: (high >>> 16) & 0xfff,
    reserved:
      (low & 0x7800_0000) === 0 && (high & 0xf000_f000) === 0 ? 0n : u64(word) & CONTROL_RESERVED_MASK,
  }
}

/** What {@link encodeControlWord} takes: everything but the call code has the value of a plain simple call. */
export type ControlWordInput = Pick<ControlWord, 'callCode'> & Partial<ControlWord>

/** Composes a control word; throws a `UsageError` when a field does not fit. */
export function encodeControlWord(fields: ControlWordInput): bigint {
  const low =
    checkField('call code', fields.callCode, 0xffff) +
    (fields.fast ? 0x1_0000 : 0) +
    checkField('variable header size', fields.variableHeaderSize ?? 0, MAX_VARIABLE_HEADER) * 0x2_0000 +
    (fields.nested ? 0x8000_0000 : 0)
  const high =
    checkField('rep count', fields.repCount ?? 0, MAX_REPS) +
    checkField('rep start', fields.repStart ?? 0, MAX_REPS) * 0x1_0000
  const word = (BigInt(high) << 32n) | BigInt(low)
  const reserved = fields.reserved ?? 0n
  return reserved === 0n ? word : word | (checkU64('reserved bits', reserved) & CONTROL_RESERVED_MASK)
}

/** The control word of the next round of a rep call: the same word with another first element. */
export function withRepStart(word: bigint, repStart: number): bigint {
  return (u64(word) & ~(0xfffn << 48n)) | (BigInt(checkField('rep start', repStart, MAX_REPS)) << 48n)
}
