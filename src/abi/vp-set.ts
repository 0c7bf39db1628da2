/**
 * Sparse VP sets (HV_VP_SET): a format word, a mask of the banks that are present, then one 64-bit word for each
 * present bank, in ascending order of banks and packed. Source: TLFS, "Virtual Processor Sets".
 *
 * VP v is bit v % 64 of bank v / 64, so that 64 banks reach VP 4095. The words of format and mask belong to the
 * fixed header of a call, the banks to its variable header: with n banks the variable header size is n, not n + 2
 * (counting the two was a bug of Linux in 2017).
 */
import { bitsOf, checkU64, popcount64 } from './bytes.ts'
import { checkField } from './decoded.ts'

export const HV_GENERIC_SET_SPARSE_4K = 0n
export const HV_GENERIC_SET_ALL = 1n
/** No more banks than bits in the mask. */
export const HV_MAX_SPARSE_BANKS = 64
/** The largest VP index that a sparse set can name. */
export const HV_MAX_VP_INDEX = 4095
/** "This VP" and "any VP": never usable inside a set. */
export const HV_VP_INDEX_SELF = 0xffff_fffe
export const HV_ANY_VP = 0xffff_ffff
/** What the guest kernel keeps for a CPU whose VP number it does not know (0xffffffff in its map). */
export const VP_INVAL = 0xffff_ffff

/** A VP set as it lies in memory. A well-formed sparse set has as many banks as its mask has bits. */
export interface VpSet {
  /** 0 sparse, 1 all VPs; anything else is undefined by the specification. */
  readonly format: bigint
  /** Bit b: bank b is present. */
  readonly validBankMask: bigint
  /** The present banks, packed, ascending. */
  readonly banks: readonly bigint[]
}

/** The set of every VP: no banks. */
export const ALL_VPS: VpSet = { format: HV_GENERIC_SET_ALL, validBankMask: 0n, banks: [] }

/** The smallest sparse set of these VPs: only banks that have a member. */
export function vpSetOf(vps: Iterable<number>): VpSet {
  const banks = banksOf(vps)
  const numbers = [...banks.keys()].sort((a, b) => a - b)
  return {
    format: HV_GENERIC_SET_SPARSE_4K,
    validBankMask: numbers.reduce((mask, bank) => mask | (1n << BigInt(bank)), 0n),
    banks: numbers.map((bank) => banks.get(bank) ?? 0n),
  }
}

function banksOf(vps: Iterable<number>): Map<number, bigint> {
  const banks = new Map<number, bigint>()
  for (const vp of vps) {
    checkField('VP index', vp, HV_MAX_VP_INDEX)
    banks.set(vp >> 6, (banks.get(vp >> 6) ?? 0n) | (1n << BigInt(vp & 63)))
  }
  return banks
}

/** What the guest kernel's set builder gives back: the set and its number of banks, or why there is none. */
export type CpumaskToVpset =
  | { readonly kind: 'set'; readonly set: VpSet; readonly nrBank: number }
  /** A target CPU has no valid VP number: the caller flushes natively. */
  | { readonly kind: 'invalid-vp' }
  /** The partition's VP numbers need 64 banks or more: the kernel reports 0 banks. */
  | { readonly kind: 'too-many-banks' }

/**
 * The guest kernel's `cpumask_to_vpset`: the *dense* form, in which every bank from 0 up to the highest used one is
 * present, also where it is empty. Banks of an earlier call never survive (a stale bank over-flushed in 2017).
 *
 * @param maxVpIndex the largest VP number of the partition, the kernel's `hv_max_vp_index`
 */
export function cpumaskToVpset(vpNumbers: Iterable<number>, maxVpIndex: number): CpumaskToVpset {
  if (maxVpIndex >> 6 >= HV_MAX_SPARSE_BANKS) return { kind: 'too-many-banks' }
  const banks = new Map<number, bigint>()
  let nrBank = 1
  for (const vp of vpNumbers) {
    if (vp === VP_INVAL || vp > HV_MAX_VP_INDEX) return { kind: 'invalid-vp' }
    banks.set(vp >> 6, (banks.get(vp >> 6) ?? 0n) | (1n << BigInt(vp & 63)))
    nrBank = Math.max(nrBank, (vp >> 6) + 1)
  }
  const contents = Array.from({ length: nrBank }, (_, bank) => banks.get(bank) ?? 0n)
  const validBankMask = (1n << BigInt(nrBank)) - 1n
  return { kind: 'set', set: { format: HV_GENERIC_SET_SPARSE_4K, validBankMask, banks: contents }, nrBank }
}

/** The VP indices that a sparse set names, ascending. Banks beyond those that are there count as empty. */
export function vpsOfSparse(validBankMask: bigint, banks: readonly bigint[]): number[] {
  const vps: number[] = []
  bitsOf(validBankMask).forEach((bank, k) => {
    for (const bit of bitsOf(banks[k] ?? 0n)) vps.push(64 * bank + bit)
  })
  return vps
}

/** The number of banks that the mask announces. */
export function bankCount(validBankMask: bigint): number {
  return popcount64(validBankMask)
}

/** Writes format, mask and banks at `offset`; gives the offset behind them. */
export function writeVpSet(view: DataView, offset: number, set: VpSet): number {
  view.setBigUint64(offset, checkU64('VP set format', set.format), true)
  view.setBigUint64(offset + 8, checkU64('valid bank mask', set.validBankMask), true)
  let at = offset + 16
  for (const bank of set.banks) {
    view.setBigUint64(at, checkU64('bank', bank), true)
    at += 8
  }
  return at
}

/** Reads format, mask and `banks` banks at `offset`; the caller has checked that the bytes are there. */
export function readVpSet(view: DataView, offset: number, banks: number): VpSet {
  const contents: bigint[] = []
  for (let k = 0; k < banks; k++) contents.push(view.getBigUint64(offset + 16 + 8 * k, true))
  return {
    format: view.getBigUint64(offset, true),
    validBankMask: view.getBigUint64(offset + 8, true),
    banks: contents,
  }
}
