/** mm/mmap.c and mm/memory.c: `unmap_region()` for one page and the table that held it. */
import type { Task } from '../core/operation.ts'
import { entryFrame, isPresent, NONE, type VirtualAddress } from '../machine/entries.ts'
import type { Cpu } from '../machine/machine.ts'
import { slot, writeEntry, xchgEntry } from '../machine/paging.ts'
import { promise } from '../machine/promises.ts'
import { spinLock, spinUnlock } from '../machine/variables.ts'
import type { Kernel, MmuGather } from './kernel.ts'
import type { Mm } from './mm.ts'
import { tlbAdjustRange, tlbFinishMmu, tlbGatherMmu, tlbRemovePage, tlbRemoveTable } from './mmu-gather.ts'
import { walkPageTable } from './walk.ts'

/** `munmap()` of one page that is alone in its table: the page goes, and then the table. */
export function* munmap(kernel: Kernel, cpu: Cpu, mm: Mm, va: VirtualAddress): Task<void> {
  const tlb = tlbGatherMmu(kernel, cpu, mm)
  yield* zapPteRange(tlb, va)
  yield* freePgtables(tlb, va)
  yield* tlbFinishMmu(tlb)
  yield* promise(kernel.machine, mm.space, va, { frames: [], writable: false })
}

/** `zap_pte_range()`: the PTE is cleared under its lock; the page waits in the gather. */
export function* zapPteRange(tlb: MmuGather, va: VirtualAddress): Task<void> {
  const { kernel, mm } = tlb
  const pmd = yield* walkPageTable(kernel.machine, mm.pgd, va, 2)
  if (!isPresent(pmd.entry)) return
  const pte = slot(kernel.machine, entryFrame(pmd.entry), 1, va)
  yield* spinLock(mm.ptl, 'zap_pte_range')
  const old = yield* xchgEntry(pte, NONE)
  if (isPresent(old)) tlbRemovePage(tlb, va, entryFrame(old))
  else tlbAdjustRange(tlb, va)
  yield* spinUnlock(mm.ptl, 'zap_pte_range')
}

/** `free_pgtables()`: the empty leaf table is unhooked from its PMD. */
export function* freePgtables(tlb: MmuGather, va: VirtualAddress): Task<void> {
  const { kernel, mm } = tlb
  const { slot: pmd, entry } = yield* walkPageTable(kernel.machine, mm.pgd, va, 2)
  if (!isPresent(entry)) return
  yield* spinLock(mm.pmdLock, 'free_pte_range')
  yield* writeEntry(pmd, NONE)
  yield* spinUnlock(mm.pmdLock, 'free_pte_range')
  yield* tlbRemoveTable(tlb, va, entryFrame(entry))
}
