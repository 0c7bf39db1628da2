/**
 * The guest's list builders: from a range [start, end) of addresses to flush-list entries. `start` and `end` are any
 * 64-bit values. Source: Linux `arch/x86/hyperv/mmu.c`, `fill_gva_list`, as of 2ffd9e33ce4a (2017) and since
 * 4030b4c585c4 (2019); the exact ones are ours.
 *
 * | builder | ends | covers the range | nothing beyond it | stays in its page |
 * | --- | --- | --- | --- | --- |
 * | `fillGvaList2017` | no: wraps within 16 MiB of 2^64 | no: unaligned start | yes | no: cut-over off by one |
 * | `fillGvaList` | yes | no: unaligned start | yes | no: cut-over off by one |
 * | `fillGvaListExact` | yes | yes | yes | yes |
 * | `fillGvaListExtended` | yes | yes | yes | yes |
 *
 * `shootdown hypercall prove` proves each "yes" for all 64-bit values, and finds numbers for each "no".
 */
import { u64 } from './bytes.ts'
import {
  BIGINT_WORDS,
  HV_TLB_FLUSH_UNIT,
  pageBoundsOf,
  type RangeLoop,
  step2017,
  stepExact,
  stepExtended1G,
  stepExtended2M,
  stepToday,
} from './range-step.ts'

export { HV_TLB_FLUSH_UNIT } from './range-step.ts'

/** A list, or the first `capacity` entries of one that does not fit. */
export interface GvaList {
  readonly entries: readonly bigint[]
  /** `overflows`: the loop would have written entry number `capacity`, behind the end of its page. */
  readonly outcome: 'complete' | 'overflows'
}

function fill(loop: RangeLoop, from: bigint, bound: bigint, capacity: number): GvaList {
  const entries: bigint[] = []
  let cursor = from
  while (entries.length < capacity) {
    const step = loop(BIGINT_WORDS, cursor, bound)
    entries.push(step.entry)
    if (!step.again) return { entries, outcome: 'complete' }
    cursor = step.next
  }
  return { entries, outcome: 'overflows' }
}

/**
 * The thread's `fill_gva_list`, faults included. Where the kernel's would run on past its page, or for ever, this
 * one stops at `capacity` and says so.
 */
export function fillGvaList2017(start: bigint, end: bigint, capacity: number): GvaList {
  return fill(step2017, u64(start), u64(end), capacity)
}

/** Today's `fill_gva_list`. Exact for page-aligned starts; an unaligned start can lose the last page. */
export function fillGvaList(start: bigint, end: bigint, capacity: number): GvaList {
  return fill(stepToday, u64(start), u64(end), capacity)
}

/** Every page that [start, end) touches and no other, legacy format. An empty range gives the page of `start`. */
export function fillGvaListExact(start: bigint, end: bigint, capacity: number): GvaList {
  const { first, last } = pageBounds(start, end)
  return fill(stepExact, first, last, capacity)
}

/** As {@link fillGvaListExact}, in the extended format. `largest` bounds the entry size. */
export function fillGvaListExtended(
  start: bigint,
  end: bigint,
  capacity: number,
  largest: '2M' | '1G' = '2M',
): GvaList {
  const { first, last } = pageBounds(start, end)
  return fill(largest === '1G' ? stepExtended1G : stepExtended2M, first, last, capacity)
}

/** The addresses of the first and the last page that [start, end) touches. */
export function pageBounds(start: bigint, end: bigint): { readonly first: bigint; readonly last: bigint } {
  return pageBoundsOf(BIGINT_WORDS, u64(start), u64(end))
}

/**
 * The kernel's cut-over: the list is given up for a full flush when this is true. Off by one: a range of `maxGvas`
 * units and one page passes, and needs `maxGvas + 1` entries.
 */
export function kernelPrefersSpace(start: bigint, end: bigint, maxGvas: number): boolean {
  return u64(end - start) / HV_TLB_FLUSH_UNIT > BigInt(maxGvas)
}

/** Entries that {@link fillGvaListExact} needs. Compare this with the capacity, not the rounded-down size. */
export function gvaListLength(start: bigint, end: bigint): number {
  const { first, last } = pageBounds(start, end)
  return Number((last - first) / HV_TLB_FLUSH_UNIT) + 1
}

/** The kernel's TLB_FLUSH_ALL: an `end` that means the whole address space. */
export const TLB_FLUSH_ALL = 0xffff_ffff_ffff_ffffn

/**
 * Which form a flush takes: `all` is a space call with NON_GLOBAL_MAPPINGS_ONLY, `space` one without it, `list` a list.
 */
export type FlushForm = 'all' | 'space' | 'list'

/**
 * The guest kernel's choice (`hyperv_flush_tlb_multi`). `cutOver` is the kernel's, off by one, or the exact one that
 * compares the number of entries.
 */
export function flushFormOf(
  start: bigint,
  end: bigint,
  maxGvas: number,
  cutOver: 'kernel' | 'exact' = 'kernel',
): FlushForm {
  if (end === TLB_FLUSH_ALL) return 'all'
  const tooLong =
    cutOver === 'kernel'
      ? end !== 0n && kernelPrefersSpace(start, end, maxGvas)
      : gvaListLength(start, end) > maxGvas
  return tooLong ? 'space' : 'list'
}
