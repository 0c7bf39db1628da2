/**
 * arch/x86/mm/tlb.c: `flush_tlb_mm_range` with its ceiling, the generations, and what a CPU does when it is asked to flush.
 *
 * The generation counter is also the barrier between the page-table stores and the look at the mask:
 *
 *   CPU0  flush                             CPU1  switch_mm
 *     PTE[v] = none                           set CPU1 in mask     (locked)
 *     tlb_gen++          (locked: barrier)    CR3 = mm             (serialising)
 *     read mask                               walks see the new PTE, or CPU0 sees the bit
 */
import { cpuName } from '../core/cells.ts'
import type { Step, Task } from '../core/operation.ts'
import type { Plain } from '../core/plain.ts'
import { call } from '../core/task.ts'
import { localIrqRestore, localIrqSave } from '../machine/interrupts.ts'
import type { Cpu, Machine } from '../machine/machine.ts'
import { cpuBit, loadMask } from '../machine/masks.ts'
import { invlpg, reloadCr3 } from '../machine/tlb.ts'
import { atomic, load, rmwAsBarrier, store } from '../machine/variables.ts'
import type { FlushTlbInfo } from './flush-info.ts'
import { catchUp, PAGE_SHIFT, planFlush } from './flush-rules.ts'
import type { CpuTlbState, Kernel } from './kernel.ts'
import type { Mm } from './mm.ts'
import { type SmpFunction, smpFunction } from './smp-function.ts'

export const PAGE_SIZE = 4096n

/** Declares `cpu_tlbstate`: every CPU of the mm's mask has it loaded, up to date. */
export function declareTlbState(machine: Machine, loaded: (cpu: number) => Mm | null): CpuTlbState[] {
  return machine.cpus.map(({ id }) => ({
    loadedMm: machine.plainVariable<Mm | null>(
      cpuName`loaded_mm[${id}]`,
      loaded(id),
      (mm) => mm?.name ?? 'init_mm',
    ),
    tlbGen: Array.from({ length: machine.contexts }, (_, asid) =>
      machine.variable(cpuName`ctxs[${id}][${String(asid)}].tlb_gen`, 1, 2),
    ),
    loadedAsid: machine.variable(cpuName`loaded_asid[${id}]`),
    isLazy: machine.variable(cpuName`is_lazy[${id}]`),
  }))
}

/** `inc_mm_tlb_gen()`: a locked increment, and so a full barrier between page-table stores and the look at the mask. */
export function incMmTlbGen(mm: Mm): Iterable<Step, number, unknown> {
  return rmwAsBarrier(mm.tlbGen, 'inc %', increment, 'flush_tlb_mm_range: inc_mm_tlb_gen')
}

function increment(gen: number): number {
  return gen + 1
}

/**
 * `flush_tlb_mm_range()`: invalidates `[start, end)` of an mm on every CPU that may hold translations of it, and returns
 * when that is done.
 */
export function* flushTlbMmRange(
  kernel: Kernel,
  cpu: Cpu,
  mm: Mm,
  start: bigint,
  end: bigint,
  freedTables: boolean,
): Task<void> {
  if (kernel.flushTlbMmRange !== undefined)
    return yield* kernel.flushTlbMmRange(cpu, mm, start, end, freedTables)
  const newTlbGen = (yield* incMmTlbGen(mm)) + 1
  const plan = planFlush(start, end, PAGE_SHIFT, kernel.flushCeiling)
  const info: FlushTlbInfo = { mm, start: plan.start, end: plan.end, newTlbGen, freedTables }
  if (kernel.concurrentFlush !== true && (yield* load(kernel.tlbState[cpu.id]!.loadedMm)) === mm) {
    const flags = yield* localIrqSave(cpu, 'flush_tlb_mm_range')
    yield* call(flushTlbFunc, kernel, cpu, info)
    yield* localIrqRestore(cpu, flags)
  }
  const others = (yield* loadMask(mm.cpumask, 'mm_cpumask')) & ~cpuBit(cpu.id)
  if (others === 0n) {
    if (kernel.concurrentFlush === true) yield* flushLocally(kernel, cpu, info)
    return
  }
  const backend = yield* load(kernel.flushOp)
  yield* call(backend.flushTlbOthers, cpu, info)
}

/** The part of {@link flushTlbMmRange} on this CPU, where it is done between the interrupts and the wait. */
export function* flushLocally(kernel: Kernel, cpu: Cpu, info: FlushTlbInfo): Task<void> {
  if ((yield* load(kernel.tlbState[cpu.id]!.loadedMm)) !== info.mm) return
  const flags = yield* localIrqSave(cpu, 'flush_tlb_mm_range')
  yield* call(flushTlbFunc, kernel, cpu, info)
  yield* localIrqRestore(cpu, flags)
}

/**
 * `flush_tlb_func_common()`: brings this CPU's TLB up to the mm's generation, by single pages if exactly one generation is
 * missing and it is the one that is asked for, else wholly.
 */
export function* flushTlbFunc(kernel: Kernel, cpu: Cpu, info: FlushTlbInfo): Task<void> {
  const state = kernel.tlbState[cpu.id]!
  const mm = yield* load(state.loadedMm)
  if (mm === null) return
  const asid = state.tlbGen.length === 1 ? 0 : yield* load(state.loadedAsid)
  const mmGen = yield* load(mm.tlbGen)
  const ownGen = state.tlbGen[asid]!
  const localGen = yield* load(ownGen)
  const outcome = catchUp(info, localGen, mmGen)
  if (outcome.kind === 'up-to-date') return
  if (outcome.kind === 'partial') {
    for (let va = info.start; va < info.end; va += PAGE_SIZE) yield* invlpg(cpu, va, 'flush_tlb_func')
  } else {
    yield* reloadCr3(cpu, 'flush_tlb_func')
  }
  yield* store(ownGen, mmGen)
}

/** `flush_tlb_func_remote()`, as what `smp_call_function_many` calls. */
export function declareFlushTlbFunc(kernel: () => Kernel): SmpFunction {
  return smpFunction((cpu: Cpu, info: Plain) => flushTlbFunc(kernel(), cpu, info as FlushTlbInfo))
}

/** Sets a flag of the TLB state by a locked operation (used by idle code). */
export function setLazy(kernel: Kernel, cpu: Cpu, lazy: 0 | 1) {
  return atomic(kernel.tlbState[cpu.id]!.isLazy, `% = ${lazy}`, () => lazy)
}
