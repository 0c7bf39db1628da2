/**
 * One element of a flush list: a run of pages in 64 bits. Source: TLFS, HV_GVA_RANGE; the extended format is that of
 * PDF v5/v6, OpenVMM `hvdef` for its large entries (the 1 GiB entry is unverified against Hyper-V).
 *
 * ```
 * legacy:           | 63 GVA page number 12 | 11 additional pages 0 |            up to 4096 pages of 4 KiB
 * extended, 4 KiB:  | 63 GVA page number 12 | 0 | 10 additional pages 0 |        up to 2048 pages of 4 KiB
 * extended, large:  | 63 GVA >> 21 21 | 20 reserved 13 | size | 1 | 10 additional large pages 0 |
 * ```
 *
 * A page number has at most 52 bits and so is exact as a JavaScript number; nothing here needs a `bigint` but the
 * 64-bit word itself.
 */
import { UsageError } from '../core/errors.ts'
import { checkField } from './decoded.ts'

/** Which of the two formats a list is in: flag bit 3 of the call chooses, for hypervisors that read it. */
export type GvaRangeFormat = 'legacy' | 'extended'

export type PageSize = '4K' | '2M' | '1G'

/** 4 KiB pages in a page of each size. */
export const PAGES_PER: Readonly<Record<PageSize, number>> = { '4K': 1, '2M': 512, '1G': 512 * 512 }

/** One more than the largest 4 KiB page number of a 64-bit address. */
export const PAGE_NUMBERS = 2 ** 52

/** A flush-list element, decoded. */
export interface GvaRange {
  readonly pageSize: PageSize
  /** Number of the first 4 KiB page (address >> 12). */
  readonly page: number
  /** Pages of `pageSize` after the first one. */
  readonly additionalPages: number
  /** Bits 20:13 of a large entry; a well-formed one has 0 here. */
  readonly reserved: number
}

/** A run of 4 KiB pages. `first + count` may pass the top of the address space: the caller decides what that means. */
export interface PageSpan {
  readonly first: number
  readonly count: number
}

/** Decodes any 64-bit word; there is no invalid input. */
export function decodeGvaRange(word: bigint, format: GvaRangeFormat): GvaRange {
  return decodeGvaRangeWords(
    Number(BigInt.asUintN(32, word >> 32n)),
    Number(BigInt.asUintN(32, word)),
    format,
  )
}

/** {@link decodeGvaRange} for a word in two unsigned halves: for inner loops. */
export function decodeGvaRangeWords(high: number, low: number, format: GvaRangeFormat): GvaRange {
  if (format === 'legacy') {
    return {
      pageSize: '4K',
      page: high * 0x10_0000 + (low >>> 12),
      additionalPages: low & 0xfff,
      reserved: 0,
    }
  }
  if ((low & 0x800) === 0) {
    return {
      pageSize: '4K',
      page: high * 0x10_0000 + (low >>> 12),
      additionalPages: low & 0x7ff,
      reserved: 0,
    }
  }
  return {
    pageSize: (low & 0x1000) === 0 ? '2M' : '1G',
    page: (high * 0x800 + (low >>> 21)) * 512,
    additionalPages: low & 0x7ff,
    reserved: (low >>> 13) & 0xff,
  }
}

/** Encodes an element; throws a `UsageError` when it does not fit the format. */
export function encodeGvaRange(range: GvaRange, format: GvaRangeFormat): bigint {
  const page = checkField('GVA page number', range.page, PAGE_NUMBERS - 1)
  const most = format === 'legacy' ? 0xfff : 0x7ff
  const additional = checkField('additional pages', range.additionalPages, most)
  if (range.pageSize === '4K') return (BigInt(page) << 12n) | BigInt(additional)
  if (format === 'legacy')
    throw new UsageError(`the legacy format has no ${range.pageSize} entries; use extended`)
  checkField('page of a large entry within 2 MiB', page % 512, 0)
  const size = range.pageSize === '1G' ? 0x1000 : 0
  const reserved = checkField('reserved bits 20:13', range.reserved, 0xff) << 13
  return (BigInt(page / 512) << 21n) | BigInt(reserved | size | 0x800 | additional)
}

/** The 4 KiB pages that an element names. */
export function gvaRangeSpan(range: GvaRange): PageSpan {
  return { first: range.page, count: (range.additionalPages + 1) * PAGES_PER[range.pageSize] }
}

/** Whether an address can be used at all: bits 63 down to `bits - 1` are equal (`bits` is 48, or 57 with LA57). */
export function isCanonicalPage(page: number, bits: number): boolean {
  const low = 2 ** (bits - 13)
  return page < low || page >= PAGE_NUMBERS - low
}
