/**
 * mm/khugepaged.c and mm/huge_memory.c, as far as they "swizzle PMDs around": a table of small pages is replaced by one huge
 * entry (collapse), and back (split).
 */
import type { Task } from '../core/operation.ts'
import { call } from '../core/task.ts'
import {
  entryFrame,
  type FrameRef,
  isHuge,
  isPresent,
  makeEntry,
  NONE,
  type VirtualAddress,
} from '../machine/entries.ts'
import { freeFrame, putPage, refCount } from '../machine/frames.ts'
import type { Cpu } from '../machine/machine.ts'
import { readEntry, slot, writeEntry, xchgEntry } from '../machine/paging.ts'
import { commitCopy, copyFrame } from '../machine/promises.ts'
import { spinLock, spinUnlock } from '../machine/variables.ts'
import { tlbRemoveTableSyncOne } from './free/ipi-sync.ts'
import type { Kernel } from './kernel.ts'
import type { Mm } from './mm.ts'
import { flushTlbMmRange, PAGE_SIZE } from './tlb.ts'
import { walkPageTable } from './walk.ts'

/** Pages of a huge page. */
const HPAGE_PMD_NR = 512n

export interface CollapseOptions {
  /** After the flush: an empty IPI to everybody (commit 2ba99c5e0881), or nothing. */
  readonly afterFlush: 'sync-one' | 'nothing'
  /** The emptied table is freed, or deposited: it stays the mm's, for a later split. */
  readonly table: 'freed' | 'deposited'
}

/**
 * `collapse_huge_page()`: the PMD is cleared and flushed, the small page is copied if nobody else holds it, the huge entry goes
 * in, and table and page are freed.
 *
 *   CPU0  khugepaged                        CPU1  gup_fast
 *     PMD[v] = none; flush                    cli; read PMD[v] -> T
 *     refcount of X as expected?              read T[i] -> X; take a reference
 *     copy X to H; T[i] = none                read T[i] again: unchanged?
 *     free T; PMD[v] = H; put X               sti; X is pinned
 */
export function* collapseHugePage(
  kernel: Kernel,
  cpu: Cpu,
  mm: Mm,
  va: VirtualAddress,
  huge: FrameRef,
  options: CollapseOptions,
): Task<void> {
  const { machine } = kernel
  const { slot: pmd, entry } = yield* walkPageTable(machine, mm.pgd, va, 2)
  if (!isPresent(entry) || isHuge(entry)) return
  const table = entryFrame(entry)
  yield* spinLock(mm.pmdLock, 'collapse_huge_page')
  yield* xchgEntry(pmd, NONE)
  yield* spinUnlock(mm.pmdLock, 'collapse_huge_page')
  const start = va & ~(HPAGE_PMD_NR * PAGE_SIZE - 1n)
  yield* call(flushTlbMmRange, kernel, cpu, mm, start, start + HPAGE_PMD_NR * PAGE_SIZE, false)
  if (options.afterFlush === 'sync-one') yield* tlbRemoveTableSyncOne(kernel, cpu, 'collapse_huge_page')
  const pte = slot(machine, table, 1, va)
  const small = entryFrame(yield* readEntry(pte))
  if ((yield* refCount(machine, small)) !== 1) return yield* writeEntry(pmd, entry)
  yield* copyFrame(machine, small, huge)
  yield* xchgEntry(pte, NONE)
  if (options.table === 'freed') yield* freeFrame(machine, table)
  yield* writeEntry(pmd, makeEntry(huge, { writable: true, user: true, dirty: true, huge: true }))
  yield* commitCopy(machine, small)
  yield* putPage(machine, small)
}

/**
 * `__split_huge_pmd_locked()`: the huge entry is taken away and flushed before the table of small entries goes in, because
 * translations of two sizes for one address may not differ.
 *
 * @param table - the deposited table, already owned by the mm
 */
export function* splitHugePmd(
  kernel: Kernel,
  cpu: Cpu,
  mm: Mm,
  va: VirtualAddress,
  table: FrameRef,
): Task<void> {
  const { machine } = kernel
  const { slot: pmd, entry } = yield* walkPageTable(machine, mm.pgd, va, 2)
  if (!isHuge(entry)) return
  yield* spinLock(mm.pmdLock, 'split_huge_pmd')
  yield* xchgEntry(pmd, NONE)
  const start = va & ~(HPAGE_PMD_NR * PAGE_SIZE - 1n)
  yield* call(flushTlbMmRange, kernel, cpu, mm, start, start + HPAGE_PMD_NR * PAGE_SIZE, false)
  const small = makeEntry(entryFrame(entry), { writable: true, user: true, dirty: true })
  yield* writeEntry(slot(machine, table, 1, va), small)
  yield* writeEntry(pmd, makeEntry(table))
  yield* spinUnlock(mm.pmdLock, 'split_huge_pmd')
}
