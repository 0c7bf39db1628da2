/**
 * Reading bytes that somebody else wrote never throws: every reader of this folder gives a value or says, as plain
 * data, what is wrong with the bytes. Writers take typed values; a value that its field cannot hold is the caller's
 * mistake and throws a {@link UsageError} that names the field.
 */
import { UsageError } from '../core/errors.ts'

/** Why bytes could not be read as the structure that was asked for. */
export type DecodeErrorCode =
  /** There are fewer bytes than the structure needs. */
  | 'too-short'
  /** The call code is none of the calls that this reader knows. */
  | 'unknown-call'
  /** The register form cannot carry that much input (more than 112 bytes). */
  | 'too-large-for-registers'
  /** A command number outside its table. */
  | 'unknown-command'

/** What is wrong, and at which byte of the input. */
export interface DecodeError {
  readonly code: DecodeErrorCode
  readonly message: string
  readonly offset: number
}

/** The answer of every reader: a value, or a typed error. Match on `ok`. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: DecodeError }

/** A reader's success. */
export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value }
}

/** A reader's failure, at byte `offset`. */
export function undecodable<T>(code: DecodeErrorCode, message: string, offset = 0): Decoded<T> {
  return { ok: false, error: { code, message, offset } }
}

/** The answer when `what` needs `needed` bytes and there are only `present`. */
export function tooShort<T>(what: string, needed: number, present: number): Decoded<T> {
  return undecodable('too-short', `${what} needs ${needed} bytes, there are ${present}`, present)
}

/** Throws unless `value` is an integer in 0..max: for writers, whose input is the caller's own. */
export function checkField(what: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw new UsageError(`${what} ${value} is outside 0..0x${max.toString(16)}`)
}
