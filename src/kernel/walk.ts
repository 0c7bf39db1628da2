/** Walking page tables in software, level by level, as lockless walkers do: one load per level. */
import type { Task } from '../core/operation.ts'
import {
  type Entry,
  entryFrame,
  type FrameRef,
  isHuge,
  isPresent,
  type Level,
  type VirtualAddress,
} from '../machine/entries.ts'
import type { Machine } from '../machine/machine.ts'
import { type EntrySlot, readEntry, slot } from '../machine/paging.ts'

/** Where a walk ended: the last entry it read, and the slot above it (the PMD of a PTE). */
export interface WalkResult {
  readonly slot: EntrySlot
  readonly entry: Entry
  readonly above: { readonly slot: EntrySlot; readonly entry: Entry } | undefined
}

/**
 * Reads entries from the root downwards until one is not present, maps a large page, or is at `stopAt`.
 *
 * @param stopAt - level of the last entry to read; 1 for the PTE
 */
export function* walkPageTable(
  machine: Machine,
  root: FrameRef,
  va: VirtualAddress,
  stopAt: Level = 1,
): Task<WalkResult> {
  let table = root
  let above: WalkResult['above']
  for (let level = machine.top; ; level = (level - 1) as Level) {
    const at = slot(machine, table, level, va)
    const entry = yield* readEntry(at)
    if (level === stopAt || !isPresent(entry) || isHuge(entry)) return { slot: at, entry, above }
    above = { slot: at, entry }
    table = entryFrame(entry)
  }
}
