/**
 * mm/gup.c: `get_user_pages_fast()`, the lockless walker of the thread. Interrupts off are all that keeps the tables alive:
 * they hold off the flush IPI (immediate freeing), or they are an RCU read-side section (RCU freeing).
 *
 *   cli; walk to the PTE; take a reference unless the count is zero; read the PTE (and PMD) again; sti
 */
import type { Task } from '../core/operation.ts'
import { call } from '../core/task.ts'
import {
  type Entry,
  entryFrame,
  type FrameRef,
  isPresent,
  sameEntry,
  type VirtualAddress,
} from '../machine/entries.ts'
import { putPage, tryGetRef } from '../machine/frames.ts'
import { localIrqRestore, localIrqSave } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
import { beginLookup, endLookup, readEntry } from '../machine/paging.ts'
import type { Mm } from './mm.ts'
import { type WalkResult, walkPageTable } from './walk.ts'

/** What is read again after the reference is taken; the PMD only since commit 70cbc3cc78a9. */
export type GupRecheck = 'pte' | 'pte-and-pmd'

/** `get_user_pages_fast()` of one page: the page, pinned, or null. */
export function* gupFast(cpu: Cpu, mm: Mm, va: VirtualAddress, recheck: GupRecheck): Task<FrameRef | null> {
  const flags = yield* localIrqSave(cpu, 'gup_fast')
  yield* beginLookup(cpu.machine, cpu.id, mm.space, va)
  const page = yield* gupPgdRange(cpu, mm, va, recheck)
  yield* endLookup(cpu.machine, cpu.id, page)
  yield* localIrqRestore(cpu, flags)
  return page
}

/** `gup_pgd_range()` and what is below it, without the interrupt flag. */
export function* gupPgdRange(
  cpu: Cpu,
  mm: Mm,
  va: VirtualAddress,
  recheck: GupRecheck,
): Task<FrameRef | null> {
  const { machine } = cpu
  const walk = yield* walkPageTable(machine, mm.pgd, va)
  if (!isPresent(walk.entry)) return null
  const page = entryFrame(walk.entry)
  if (!(yield* tryGetRef(machine, page))) return null
  if (yield* call(sameAsBefore, walk, recheck)) return page
  yield* putPage(machine, page)
  return null
}

/** Reads the entries again: anything that changed means that the reference may be to the wrong page. */
function* sameAsBefore({ slot, entry, above }: WalkResult, recheck: GupRecheck): Task<boolean> {
  if (recheck === 'pte-and-pmd' && above !== undefined && !(yield* unchanged(above))) return false
  return yield* unchanged({ slot, entry })
}

function* unchanged(seen: { readonly slot: WalkResult['slot']; readonly entry: Entry }): Task<boolean> {
  return sameEntry(yield* readEntry(seen.slot), seen.entry)
}
