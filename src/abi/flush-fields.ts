/**
 * Flush calls without allocation and without `bigint`, for simulators and replayers that move millions of them: one
 * {@link FlushFields} is filled again and again. 64-bit words are two unsigned halves, ranges are page numbers. It
 * reads and writes the same bytes as `flush.ts`, which is the one to use everywhere else.
 */
import { PAGES_PER } from './gva-range.ts'

/** Elements that a list in one page can have, at most. */
const MOST_RANGES = 512
const MOST_BANKS = 64

/** The fields of one flush call; every array is used from its start. */
export interface FlushFields {
  /** 0x2, 0x3, 0x13 or 0x14. */
  callCode: number
  addressSpaceLow: number
  addressSpaceHigh: number
  flagsLow: number
  flagsHigh: number
  /** The processor mask, or the valid bank mask of an Ex call. */
  maskLow: number
  maskHigh: number
  /** The set format of an Ex call. */
  formatLow: number
  formatHigh: number
  banks: number
  /** Bank k: words 2k (VPs 0 to 31 of the bank) and 2k + 1 (32 to 63). */
  readonly bankWords: Uint32Array
  ranges: number
  repStart: number
  /** First 4 KiB page of each range, and how many 4 KiB pages it has. */
  readonly rangePage: Float64Array
  readonly rangePages: Float64Array
  /** The elements themselves, low and high half. */
  readonly rangeWords: Uint32Array
}

/** An empty record, to be filled by {@link readFlushFields} as often as needed. */
export function makeFlushFields(): FlushFields {
  return {
    callCode: 0,
    addressSpaceLow: 0,
    addressSpaceHigh: 0,
    flagsLow: 0,
    flagsHigh: 0,
    maskLow: 0,
    maskHigh: 0,
    formatLow: 0,
    formatHigh: 0,
    banks: 0,
    bankWords: new Uint32Array(2 * MOST_BANKS),
    ranges: 0,
    repStart: 0,
    rangePage: new Float64Array(MOST_RANGES),
    rangePages: new Float64Array(MOST_RANGES),
    rangeWords: new Uint32Array(2 * MOST_RANGES),
  }
}

/** How reading went. Nothing is written into the fields unless it is `read`. */
export type FieldsOutcome = 'read' | 'too-short' | 'unknown-call' | 'too-large'

/**
 * Reads a flush call from its control word (two halves) and its input at `offset` of `view`. `too-large`: more banks
 * or elements than a page can hold. Reserved bits of the control word are not looked at.
 */
export function readFlushFields(
  fields: FlushFields,
  controlLow: number,
  controlHigh: number,
  view: DataView,
  offset: number,
): FieldsOutcome {
  const callCode = controlLow & 0xffff
  const isEx = callCode === 0x13 || callCode === 0x14
  const isList = callCode === 0x03 || callCode === 0x14
  if (!isEx && !isList && callCode !== 0x02) return 'unknown-call'
  const banks = (controlLow >>> 17) & 0x3ff
  const ranges = isList ? controlHigh & 0xfff : 0
  if (banks > MOST_BANKS || ranges > MOST_RANGES) return 'too-large'
  const header = isEx ? 32 : 24
  if (view.byteLength - offset < header + 8 * (banks + ranges)) return 'too-short'

  fields.callCode = callCode
  fields.repStart = (controlHigh >>> 16) & 0xfff
  fields.addressSpaceLow = view.getUint32(offset, true)
  fields.addressSpaceHigh = view.getUint32(offset + 4, true)
  fields.flagsLow = view.getUint32(offset + 8, true)
  fields.flagsHigh = view.getUint32(offset + 12, true)
  fields.formatLow = isEx ? view.getUint32(offset + 16, true) : 0
  fields.formatHigh = isEx ? view.getUint32(offset + 20, true) : 0
  fields.maskLow = view.getUint32(offset + header - 8, true)
  fields.maskHigh = view.getUint32(offset + header - 4, true)
  fields.banks = banks
  let at = offset + header
  for (let k = 0; k < 2 * banks; k++, at += 4) fields.bankWords[k] = view.getUint32(at, true)
  fields.ranges = ranges
  const isExtended = (fields.flagsLow & 8) !== 0
  for (let k = 0; k < ranges; k++, at += 8) {
    readRange(fields, k, view.getUint32(at, true), view.getUint32(at + 4, true), isExtended)
  }
  return 'read'
}

/** One element, see `gva-range.ts` for its two formats. */
function readRange(fields: FlushFields, k: number, low: number, high: number, isExtended: boolean): void {
  fields.rangeWords[2 * k] = low
  fields.rangeWords[2 * k + 1] = high
  if (!isExtended) {
    fields.rangePage[k] = high * 0x10_0000 + (low >>> 12)
    fields.rangePages[k] = (low & 0xfff) + 1
  } else if ((low & 0x800) === 0) {
    fields.rangePage[k] = high * 0x10_0000 + (low >>> 12)
    fields.rangePages[k] = (low & 0x7ff) + 1
  } else {
    fields.rangePage[k] = (high * 0x800 + (low >>> 21)) * 512
    fields.rangePages[k] = ((low & 0x7ff) + 1) * PAGES_PER[(low & 0x1000) === 0 ? '2M' : '1G']
  }
}

/** The low half of the control word of the memory form. */
export function controlLowOf(fields: FlushFields): number {
  return (fields.callCode | (fields.banks << 17)) >>> 0
}

/** The high half: rep count and rep start. */
export function controlHighOf(fields: FlushFields): number {
  return (fields.ranges | (fields.repStart << 16)) >>> 0
}

/** Writes the input at `offset` of a page; gives the offset behind it. The elements are those of `rangeWords`. */
export function writeFlushFields(fields: FlushFields, view: DataView, offset: number): number {
  const isEx = fields.callCode === 0x13 || fields.callCode === 0x14
  const header = isEx ? 32 : 24
  view.setUint32(offset, fields.addressSpaceLow, true)
  view.setUint32(offset + 4, fields.addressSpaceHigh, true)
  view.setUint32(offset + 8, fields.flagsLow, true)
  view.setUint32(offset + 12, fields.flagsHigh, true)
  if (isEx) {
    view.setUint32(offset + 16, fields.formatLow, true)
    view.setUint32(offset + 20, fields.formatHigh, true)
  }
  view.setUint32(offset + header - 8, fields.maskLow, true)
  view.setUint32(offset + header - 4, fields.maskHigh, true)
  let at = offset + header
  for (let k = 0; k < 2 * fields.banks; k++, at += 4) view.setUint32(at, fields.bankWords[k] ?? 0, true)
  for (let k = 0; k < 2 * fields.ranges; k++, at += 4) view.setUint32(at, fields.rangeWords[k] ?? 0, true)
  return at
}

/** Puts a legacy element for `pages` (1 to 4096) pages from `page` on into slot `k`. */
export function setRange(fields: FlushFields, k: number, page: number, pages: number): void {
  readRange(fields, k, (((page % 0x10_0000) << 12) | (pages - 1)) >>> 0, Math.floor(page / 0x10_0000), false)
}
