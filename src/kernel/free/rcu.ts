/**
 * `rcu`: HAVE_RCU_TABLE_FREE. Unhooked tables are collected in a batch; after the flush the batch is given to `call_rcu()`,
 * and freed when every section with interrupts off has ended (commit 9e52fc2b50de).
 *
 *   CPU0  munmap                            CPU1  gup_fast
 *     PMD[v] = none                           cli                 (a read-side section)
 *     flush (any way)                         walk PMD[v] -> T -> T[i]
 *     call_rcu(free T)                        sti                 (its end)
 *     ... grace period ...
 *     free T
 *
 * When there is no memory for a batch, a table is freed one by one after an empty IPI. Until commit d86564a2f085 that path
 * did not invalidate first, so a CPU could still walk into the table by a cached upper-level entry.
 */
import type { Task } from '../../core/operation.ts'
import type { Plain } from '../../core/plain.ts'
import { call, choose } from '../../core/task.ts'
import type { FrameRef } from '../../machine/entries.ts'
import { freeFrame } from '../../machine/frames.ts'
import type { Machine } from '../../machine/machine.ts'
import type { RcuCallbackHandle } from '../../machine/rcu.ts'
import type { MmuGather } from '../kernel.ts'
import { named, type TableFreePolicy } from '../kernel.ts'
import { flushTlbMmRange } from '../tlb.ts'
import { tlbRemoveTableSyncOne } from './ipi-sync.ts'

export interface RcuTableFreeOptions {
  readonly machine: Machine
  readonly callback: RcuCallbackHandle
  /** Whether the allocation of a batch may fail. */
  readonly allocation: 'succeeds' | 'may-fail'
  /** Whether the slow path invalidates before the table is freed (d86564a2f085). */
  readonly slowPath: 'invalidates' | 'only-ipi'
}

/** `tlb_remove_table_rcu()`: the callback that frees a batch. */
export function* tlbRemoveTableRcu(machine: Machine, batch: readonly FrameRef[]): Task<void> {
  for (const table of batch) yield* freeFrame(machine, table)
}

/** The policy for one machine. */
export function rcuTableFree(options: RcuTableFreeOptions): TableFreePolicy {
  function* removeTable(tlb: MmuGather, table: FrameRef): Task<void> {
    if (tlb.tables.length === 0 && options.allocation === 'may-fail') {
      const failed = yield* choose(['a batch is allocated', 'no memory for a batch'])
      if (failed) return yield* tlbRemoveTableOne(tlb, table)
    }
    tlb.tables.push(table)
  }

  function* tlbRemoveTableOne(tlb: MmuGather, table: FrameRef): Task<void> {
    if (options.slowPath === 'invalidates') {
      yield* call(flushTlbMmRange, tlb.kernel, tlb.cpu, tlb.mm, tlb.start, tlb.end, true)
    }
    yield* tlbRemoveTableSyncOne(tlb.kernel, tlb.cpu, 'tlb_remove_table_one')
    yield* freeFrame(options.machine, table)
  }

  function* tableFlush(tlb: MmuGather): Task<void> {
    if (tlb.tables.length === 0) return
    const batch: Plain = tlb.tables.map((table) => ({ ...table }))
    yield* tlb.kernel.rcu!.callRcu(options.callback, batch, 'tlb_table_flush')
    tlb.tables = []
  }

  return named({ name: 'rcu', removeTable, tableFlush })
}
