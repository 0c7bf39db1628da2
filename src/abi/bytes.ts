/**
 * Little-endian 64-bit words in byte arrays. A word travels as a `bigint` in 0..2^64-1 where any bit may be set
 * (flags, masks, CR3 values), and as a `number` where it is known to be small (page numbers have at most 52 bits).
 */
import { UsageError } from '../core/errors.ts'

export const U64_MAX = 0xffff_ffff_ffff_ffffn

export const PAGE_SIZE = 4096
export const PAGE_SHIFT = 12

/** The bytes of a page, seen as words. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** `count` words from byte `offset` on; the caller has checked that the bytes are there. */
export function wordsOf(bytes: Uint8Array, offset: number, count: number): bigint[] {
  const view = viewOf(bytes)
  const words: bigint[] = []
  for (let k = 0; k < count; k++) words.push(view.getBigUint64(offset + 8 * k, true))
  return words
}

/** `value` taken modulo 2^64, as an unsigned word. */
export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

/** Throws unless `value` fits in 64 bits: for writers, whose input is the caller's own. */
export function checkU64(what: string, value: bigint): bigint {
  if (value >= 0n && value <= U64_MAX) return value
  throw new UsageError(`${what} ${value} does not fit in 64 bits`)
}

/** The number of set bits of a 64-bit word (the kernel's `hweight64`). */
export function popcount64(word: bigint): number {
  return popcount32(Number(word & 0xffff_ffffn)) + popcount32(Number((word >> 32n) & 0xffff_ffffn))
}

function popcount32(word: number): number {
  let w = word - ((word >>> 1) & 0x5555_5555)
  w = (w & 0x3333_3333) + ((w >>> 2) & 0x3333_3333)
  return Math.imul((w + (w >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

/** The positions of the set bits of a 64-bit word, ascending. */
export function bitsOf(word: bigint): number[] {
  const bits: number[] = []
  collectBits(Number(word & 0xffff_ffffn), 0, bits)
  collectBits(Number((word >> 32n) & 0xffff_ffffn), 32, bits)
  return bits
}

function collectBits(word: number, base: number, into: number[]): void {
  for (let rest = word; rest !== 0; rest &= rest - 1) into.push(base + 31 - Math.clz32(rest & -rest))
}

/** `0x` and all 16 digits. */
export function hex64(word: bigint): string {
  return `0x${u64(word).toString(16).padStart(16, '0')}`
}

/** `0x` and as many digits as the value needs. */
export function hex(word: bigint | number): string {
  return `0x${word.toString(16)}`
}
