/**
 * `ipi-sync`: after the flush, an empty IPI to every CPU, and only when all have acknowledged it are the tables freed
 * (`tlb_remove_table_sync_one()`). Walkers with interrupts off hold the acknowledgement back, whatever the flush was; a walker
 * that only holds rcu_read_lock, with interrupts on, does not.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import type { FrameRef } from '../../machine/entries.ts'
import { freeFrame } from '../../machine/frames.ts'
import type { Cpu } from '../../machine/machine.ts'
import type { MmuGather } from '../kernel.ts'
import { type Kernel, named, type TableFreePolicy } from '../kernel.ts'
import { cpuOnlineMask, smpCallFunctionMany } from '../smp.ts'
import { smpFunction } from '../smp-function.ts'

/** The function that does nothing: taking its interrupt is all that is asked. */
export const tlbRemoveTableSmpSync = smpFunction(function* tlbRemoveTableSmpSync() {})

/** `tlb_remove_table_sync_one()`: returns when every other CPU has taken an interrupt. */
export function* tlbRemoveTableSyncOne(kernel: Kernel, cpu: Cpu, site: string): Task<void> {
  yield* call(
    smpCallFunctionMany,
    kernel.smp,
    cpu,
    cpuOnlineMask(kernel.machine),
    tlbRemoveTableSmpSync,
    null,
    site,
  )
}

function* removeTable(tlb: MmuGather, table: FrameRef): Task<void> {
  tlb.tables.push(table)
}

function* tableFlush(tlb: MmuGather): Task<void> {
  if (tlb.tables.length === 0) return
  yield* tlbRemoveTableSyncOne(tlb.kernel, tlb.cpu, 'tlb_remove_table_sync_one')
  for (const table of tlb.tables) yield* freeFrame(tlb.cpu.machine, table)
  tlb.tables = []
}

export const ipiSync: TableFreePolicy = named({ name: 'ipi-sync', removeTable, tableFlush })
