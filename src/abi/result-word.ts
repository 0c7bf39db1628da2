/**
 * The hypercall result value (RAX; EDX:EAX for 32-bit callers). Source: TLFS, "Hypercall Outputs" (whose table
 * misprints the upper reserved range).
 *
 * ```
 *  63      44 43            32 31     16 15          0
 * +----------+----------------+---------+-------------+
 * | reserved | reps completed | reserved| HV_STATUS   |
 * +----------+----------------+---------+-------------+
 * ```
 */
import { checkU64, u64 } from './bytes.ts'
import { checkField } from './decoded.ts'

/** Bits 31:16 and 63:44: callers must ignore them. */
export const RESULT_RESERVED_MASK = 0xffff_f000_ffff_0000n

/** A hypercall result value, field by field. */
export interface ResultWord {
  /** Bits 15:0: an HV_STATUS. */
  readonly status: number
  /**
   * Bits 43:32: elements done *since element 0*, not since the rep start of this round. 0 for simple calls; on
   * failure the index of the element that failed.
   */
  readonly repsCompleted: number
  /** The reserved bits, in place. */
  readonly reserved: bigint
}

/** Splits any 64-bit value into the fields of a result word; there is no invalid input. */
export function decodeResultWord(word: bigint): ResultWord {
  const low = Number(BigInt.asUintN(32, word))
  const high = Number(BigInt.asUintN(32, word >> 32n))
  const plain = (low & 0xffff_0000) === 0 && (high & 0xffff_f000) === 0
  return {
    status: low & 0xffff,
    repsCompleted: high & 0xfff,
    reserved: plain ? 0n : u64(word) & RESULT_RESERVED_MASK,
  }
}

/** Composes a result word; throws a `UsageError` when a field does not fit. */
export function encodeResultWord(fields: {
  readonly status: number
  readonly repsCompleted?: number
  readonly reserved?: bigint
}): bigint {
  const status = BigInt(checkField('status', fields.status, 0xffff))
  const reps = BigInt(checkField('reps completed', fields.repsCompleted ?? 0, 0xfff))
  const reserved = checkU64('reserved bits', fields.reserved ?? 0n) & RESULT_RESERVED_MASK
  return status | (reps << 32n) | reserved
}
