/** One guest kernel: what its subsystems share, and what boot chose. */
import type { Task } from '../core/operation.ts'
import { type Handle, newHandleId } from '../core/plain.ts'
import type { FrameRef } from '../machine/entries.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import type { Rcu } from '../machine/rcu.ts'
import type { Variable } from '../machine/variables.ts'
import type { FlushChecks } from './flush/interface-check.ts'
import type { FlushTlbInfo } from './flush-info.ts'
import type { Mm } from './mm.ts'
import type { Smp } from './smp.ts'
import type { SmpFunction } from './smp-function.ts'

/** A flush backend: `pv_mmu_ops.flush_tlb_others` and what belongs to it. */
export interface FlushBackend extends Handle {
  readonly name: string
  /** Flushes the other CPUs of `mm_cpumask(info.mm)`; reads that mask itself, because it is live. */
  readonly flushTlbOthers: (cpu: Cpu, info: FlushTlbInfo) => Task<void>
}

/** A gather: local to the function that opened it. */
export interface MmuGather {
  readonly kernel: Kernel
  readonly cpu: Cpu
  readonly mm: Mm
  start: bigint
  end: bigint
  /** `tlb->freed_tables`. */
  freedTables: boolean
  /** Data pages whose reference goes after the flush. */
  pages: FrameRef[]
  /** Page-table pages that the policy keeps here: all of them (immediate), or the RCU batch. */
  tables: FrameRef[]
}

/** A policy for page-table pages that have been unhooked. */
export interface TableFreePolicy extends Handle {
  readonly name: string
  /** `tlb_remove_table()`: a table is unhooked and waits for its gather. */
  readonly removeTable: (tlb: MmuGather, table: FrameRef) => Task<void>
  /** After the TLB flush of the gather: `tlb_table_flush()` and the freeing of what was queued. */
  readonly tableFlush: (tlb: MmuGather) => Task<void>
}

/** Per-CPU state of the TLB code (`cpu_tlbstate`). */
export interface CpuTlbState {
  readonly loadedMm: Variable<Mm | null>
  /** `ctxs[asid].tlb_gen`. */
  readonly tlbGen: readonly Variable<number>[]
  readonly loadedAsid: Variable<number>
  readonly isLazy: Variable<number>
}

/** The kernel of one scenario. Subsystems add themselves while it is built; after that it is only read. */
export interface Kernel extends Handle {
  readonly machine: Machine
  readonly smp: Smp
  readonly rcu: Rcu | undefined
  readonly tlbState: readonly CpuTlbState[]
  /** `pv_mmu_ops.flush_tlb_others`, patched at boot. */
  readonly flushOp: Variable<FlushBackend>
  /** `pv_mmu_ops.tlb_remove_table`: the freeing policy, where boot chooses it. */
  readonly tableFree: Variable<TableFreePolicy>
  readonly flushTlbFunc: SmpFunction
  readonly checks: FlushChecks
  /** `flush_tlb_multi` of 2021 (4ce94eabac16): the own TLB is flushed while the others are being interrupted. */
  readonly concurrentFlush?: boolean
  /** `tlb_single_page_flush_ceiling`, where it is not the usual one. */
  readonly flushCeiling?: bigint
  /** `flush_tlb_mm_range()` of another age than the thread's: see `tlb-multi.ts`. */
  readonly flushTlbMmRange?: (
    cpu: Cpu,
    mm: Mm,
    start: bigint,
    end: bigint,
    freedTables: boolean,
  ) => Task<void>
}

/** A fresh handle for a backend or a policy. */
export function named<T extends object>(parts: T): T & Handle {
  return { handleId: newHandleId(), ...parts }
}
