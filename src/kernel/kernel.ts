/** One guest kernel: what its subsystems share, and what boot chose. */
import type { Task } from '../core/operation.ts'
import { type Handle, newHandleId, type Plain } from '../core/plain.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import type { Rcu } from '../machine/rcu.ts'
import type { Variable } from '../machine/variables.ts'
import type { FlushChecks } from './flush/interface-check.ts'
import type { Mm } from './mm.ts'
import type { MmuGather } from './mmu-gather.ts'
import type { Smp, SmpFunction } from './smp.ts'

/** End of a range that means "everything". */
export const TLB_FLUSH_ALL = 0xffff_ffff_ffff_ffffn

/** `struct flush_tlb_info`: what is asked of a backend. */
export interface FlushTlbInfo {
  readonly [key: string]: Plain
  readonly mm: Mm
  /** Bytes, `[start, end)`; `end` is {@link TLB_FLUSH_ALL} for the whole address space. */
  readonly start: bigint
  readonly end: bigint
  readonly newTlbGen: number
  /** The flush is for a gather that frees page-table pages. */
  readonly freedTables: boolean
}

/** A flush backend: `pv_mmu_ops.flush_tlb_others` and what belongs to it. */
export interface FlushBackend extends Handle {
  readonly name: string
  /** Flushes the other CPUs of `mm_cpumask(info.mm)`; reads that mask itself, because it is live. */
  readonly flushTlbOthers: (cpu: Cpu, info: FlushTlbInfo) => Task<void>
}

/** A policy for page-table pages that have been unhooked. */
export interface TableFreePolicy extends Handle {
  readonly name: string
  /** `tlb_remove_table()`: a table is unhooked and waits for its gather. */
  readonly removeTable: (tlb: MmuGather, table: import('../machine/entries.ts').FrameRef) => Task<void>
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
