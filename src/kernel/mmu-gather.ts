/**
 * mm/mmu_gather.c: what an unmap collects until it may be freed. Pages are freed after the flush; page-table pages go the
 * way of the table-freeing policy.
 */
import type { Task } from '../core/operation.ts'
import { call } from '../core/task.ts'
import type { FrameRef } from '../machine/entries.ts'
import { putPage } from '../machine/frames.ts'
import type { Cpu } from '../machine/machine.ts'
import { load } from '../machine/variables.ts'
import type { Kernel, MmuGather } from './kernel.ts'
import type { Mm } from './mm.ts'
import { flushTlbMmRange, PAGE_SIZE } from './tlb.ts'

/** `tlb_gather_mmu()`. */
export function tlbGatherMmu(kernel: Kernel, cpu: Cpu, mm: Mm): MmuGather {
  return { kernel, cpu, mm, start: 2n ** 64n, end: 0n, freedTables: false, pages: [], tables: [] }
}

/** `__tlb_adjust_range()`: the gather covers this page too. */
export function tlbAdjustRange(tlb: MmuGather, va: bigint): void {
  if (va < tlb.start) tlb.start = va
  if (va + PAGE_SIZE > tlb.end) tlb.end = va + PAGE_SIZE
}

/** `tlb_remove_page()`: the page is freed after the flush. */
export function tlbRemovePage(tlb: MmuGather, va: bigint, page: FrameRef): void {
  tlbAdjustRange(tlb, va)
  tlb.pages.push(page)
}

/** `pte_free_tlb()` and its relatives: a page-table page is unhooked; the policy decides how it is freed. */
export function* tlbRemoveTable(tlb: MmuGather, va: bigint, table: FrameRef): Task<void> {
  tlbAdjustRange(tlb, va)
  tlb.freedTables = true
  const policy = yield* load(tlb.kernel.tableFree)
  yield* policy.removeTable(tlb, table)
}

/** `tlb_flush_mmu()`: flush, then hand tables to the policy, then free pages. Nothing collected: no flush. */
export function* tlbFlushMmu(tlb: MmuGather): Task<void> {
  const { kernel, cpu, mm } = tlb
  if (tlb.end === 0n) return
  yield* call(flushTlbMmRange, kernel, cpu, mm, tlb.start, tlb.end, tlb.freedTables)
  const policy = yield* load(kernel.tableFree)
  yield* policy.tableFlush(tlb)
  for (const page of tlb.pages) yield* putPage(cpu.machine, page)
  tlb.pages = []
  tlb.start = 2n ** 64n
  tlb.end = 0n
  tlb.freedTables = false
}

/** `tlb_finish_mmu()`. */
export function tlbFinishMmu(tlb: MmuGather): Task<void> {
  return tlbFlushMmu(tlb)
}
