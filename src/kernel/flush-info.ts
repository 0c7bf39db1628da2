/** What the kernel asks of a flush backend. */
import type { Plain } from '../core/plain.ts'
import type { Mm } from './mm.ts'

/** End of a range that means "everything". */
export const TLB_FLUSH_ALL = 0xffff_ffff_ffff_ffffn

/** `struct flush_tlb_info`: what is asked of a backend. */
export interface FlushTlbInfo {
  readonly [key: string]: Plain
  readonly mm: Mm
  /** Bytes, `[start, end)`; `end` is {@link TLB_FLUSH_ALL} for the whole address space. */
  readonly start: bigint
  readonly end: bigint
  readonly newTlbGen: number
  /** The flush is for a gather that frees page-table pages. */
  readonly freedTables: boolean
}
