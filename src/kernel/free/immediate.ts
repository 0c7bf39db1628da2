/**
 * `immediate`: as x86 did in 2017, page-table pages are freed like data pages, right after the gather's flush.
 *
 *   CPU0  munmap                            CPU1  gup_fast
 *     PMD[v] = none                           cli
 *     flush, wait for CPU1's acknowledgement  walk PMD[v] -> T -> T[i]
 *       (held off by IF=0)                    sti
 *     free T                                  <IPI> acknowledge
 *
 * The acknowledgement is the only thing that holds the freeing back: without an IPI, nothing does.
 */
import type { Task } from '../../core/operation.ts'
import type { FrameRef } from '../../machine/entries.ts'
import { freeFrame } from '../../machine/frames.ts'
import type { MmuGather } from '../kernel.ts'
import { named, type TableFreePolicy } from '../kernel.ts'

function* removeTable(tlb: MmuGather, table: FrameRef): Task<void> {
  tlb.tables.push(table)
}

function* tableFlush(tlb: MmuGather): Task<void> {
  for (const table of tlb.tables) yield* freeFrame(tlb.cpu.machine, table)
  tlb.tables = []
}

export const immediate: TableFreePolicy = named({ name: 'immediate', removeTable, tableFlush })
