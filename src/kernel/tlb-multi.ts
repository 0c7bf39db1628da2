/**
 * arch/x86/mm/tlb.c since 2021 (4ce94eabac16): `flush_tlb_mm_range` hands the whole mask, this CPU included, to
 * `flush_tlb_multi`; lazy CPUs are left out unless tables are freed, and a lazy CPU that is asked leaves the mm.
 *
 * The decisions are those of `flush-rules.ts`; the loads between them are here.
 */
import type { Task } from '../core/operation.ts'
import { type Handle, newHandleId, type Plain } from '../core/plain.ts'
import { call } from '../core/task.ts'
import { localIrqRestore, localIrqSave } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
import { type CpuMask, cpuBit, cpusOf, loadMask } from '../machine/masks.ts'
import { invlpg, reloadCr3 } from '../machine/tlb.ts'
import { load, store } from '../machine/variables.ts'
import { beginRequest, endRequest, noteReached } from './flush/interface-check.ts'
import type { FlushTlbInfo } from './flush-info.ts'
import {
  flushPlace,
  flushTlbFunc as flushTlbFuncRule,
  type HandlerOutcome,
  type LoadedMm,
  planFlush,
  shouldFlushTlb,
  type TargetRule,
} from './flush-rules.ts'
import { type FlushBackend, type Kernel, named } from './kernel.ts'
import type { Mm } from './mm.ts'
import { smpCallFunctionMany } from './smp.ts'
import { type SmpFunction, smpFunction } from './smp-function.ts'
import { LOADED_MM_SWITCHING, type SwitchState, switchMmIrqsOff } from './switch-mm.ts'
import { incMmTlbGen, PAGE_SIZE } from './tlb.ts'

/** The TLB code of one kernel. */
export interface TlbMulti extends Handle {
  readonly kernel: () => Kernel
  readonly switching: SwitchState
  readonly targets: TargetRule
  /** `ignored`: lazy CPUs are left out even of flushes that free tables (94b1b03b519b, until b956575bed91). */
  readonly freedTables: 'heeded' | 'ignored'
  /** `pv_ops.mmu.flush_tlb_one_user` and `flush_tlb_user`, where they are no instructions: a Xen PV guest makes hypercalls. */
  readonly pvFlush?: PvFlush
}

/** How a paravirtual guest invalidates on its own CPU. */
export interface PvFlush extends Handle {
  readonly oneUser: (cpu: Cpu, va: bigint) => Task<void>
  readonly user: (cpu: Cpu) => Task<void>
}

export function tlbMulti(parts: Omit<TlbMulti, 'handleId'>): TlbMulti {
  return { handleId: newHandleId(), ...parts }
}

/** `flush_tlb_mm_range()`. */
export function* flushTlbMmRange(
  tlb: TlbMulti,
  cpu: Cpu,
  mm: Mm,
  start: bigint,
  end: bigint,
  freedTables: boolean,
): Task<void> {
  const kernel = tlb.kernel()
  const newTlbGen = (yield* incMmTlbGen(mm)) + 1
  const plan = planFlush(start, end)
  const info: FlushTlbInfo = { mm, start: plan.start, end: plan.end, newTlbGen, freedTables }
  const mask = yield* loadMask(mm.cpumask, 'mm_cpumask')
  if (flushPlace(mask, cpu.id, true) === 'multi') {
    const backend = yield* load(kernel.flushOp)
    return yield* call(backend.flushTlbOthers, cpu, info)
  }
  const loadedHere = (yield* load(kernel.tlbState[cpu.id]!.loadedMm)) === mm
  if (flushPlace(mask, cpu.id, loadedHere) === 'local') yield* runLocal(tlb, cpu, info)
}

/** `flush_tlb_func()` on the CPU that asks, with interrupts off. */
function* runLocal(tlb: TlbMulti, cpu: Cpu, info: FlushTlbInfo): Task<void> {
  const flags = yield* localIrqSave(cpu, 'flush_tlb_mm_range')
  yield* call(flushTlbFunc, tlb, cpu, info, true)
  yield* localIrqRestore(cpu, flags)
}

/** What a value of `loaded_mm` means for a flush of `mm`. */
function meaningOf(loaded: Mm | null, mm: Mm): LoadedMm | 'init' {
  if (loaded === mm) return 'this'
  if (loaded === LOADED_MM_SWITCHING) return 'switching'
  return loaded === null ? 'init' : 'other'
}

/** `is_lazy` of a CPU. */
export function* cpuIsLazy(kernel: Kernel, cpu: number): Task<boolean> {
  return (yield* load(kernel.tlbState[cpu]!.isLazy)) === 1
}

/**
 * `native_flush_tlb_multi()`: the mask is looked at, each CPU is judged, those chosen are interrupted.
 *
 * @param given - the mask that a backend has left for interrupts; the mm's own, which is live, by default
 */
export function* nativeFlushTlbMulti(
  tlb: TlbMulti,
  cpu: Cpu,
  info: FlushTlbInfo,
  given?: CpuMask,
): Task<void> {
  const kernel = tlb.kernel()
  const mask = given ?? (yield* loadMask(info.mm.cpumask, 'mm_cpumask'))
  const freedTables = info.freedTables && tlb.freedTables === 'heeded'
  let targets: CpuMask = 0n
  for (const target of cpusOf(mask & ~cpuBit(cpu.id))) {
    const chosen = yield* shouldFlushTlb(tlb.targets, freedTables, target, {
      loadedMm: function* shouldFlushTlb(other): Task<LoadedMm> {
        const loaded = meaningOf(yield* load(kernel.tlbState[other]!.loadedMm), info.mm)
        return loaded === 'init' ? 'other' : loaded
      },
      isLazy: (other) => cpuIsLazy(kernel, other),
    })
    if (chosen) targets |= cpuBit(target)
  }
  const here = (mask & cpuBit(cpu.id)) !== 0n
  const local = here ? () => runLocal(tlb, cpu, info) : undefined
  const { smp, flushTlbFunc } = kernel
  yield* smpCallFunctionMany(smp, cpu, targets, flushTlbFunc, info, 'native_flush_tlb_multi', local)
  // Who was left out is lazy or has another mm loaded: it compares generations before it uses what it holds.
  yield* noteReached(kernel.checks, cpu, { mask, start: info.start, end: info.end })
}

/** The backend on bare metal. */
export function nativeMultiBackend(tlb: TlbMulti): FlushBackend {
  return named({
    name: 'native',
    flushTlbOthers: function* flushTlbMulti(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = tlb.kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      yield* nativeFlushTlbMulti(tlb, cpu, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}

/** `flush_tlb_func()`. */
export function* flushTlbFunc(tlb: TlbMulti, cpu: Cpu, info: FlushTlbInfo, local: boolean): Task<void> {
  const kernel = tlb.kernel()
  const own = kernel.tlbState[cpu.id]!
  const asid = own.tlbGen.length === 1 ? 0 : yield* load(own.loadedAsid)
  const ownGen = own.tlbGen[asid]!
  const outcome: HandlerOutcome = yield* flushTlbFuncRule(
    { end: info.end, newTlbGen: info.newTlbGen, local },
    {
      loadedMm: function* flushTlbFunc(): Task<'this' | 'other' | 'init'> {
        const loaded = meaningOf(yield* load(own.loadedMm), info.mm)
        return loaded === 'switching' ? 'other' : loaded
      },
      isLazy: () => cpuIsLazy(kernel, cpu.id),
      localGen: () => load(ownGen),
      mmGen: () => load(info.mm.tlbGen),
    },
  )
  switch (outcome.kind) {
    case 'leave':
      return yield* call(switchMmIrqsOff, kernel, tlb.switching, cpu, null)
    case 'partial':
      for (let va = info.start; va < info.end; va += PAGE_SIZE) {
        if (tlb.pvFlush === undefined) yield* invlpg(cpu, va, 'flush_tlb_func')
        else yield* call(tlb.pvFlush.oneUser, cpu, va)
      }
      return yield* store(ownGen, outcome.mmGen)
    case 'full':
      if (tlb.pvFlush === undefined) yield* reloadCr3(cpu, 'flush_tlb_func')
      else yield* call(tlb.pvFlush.user, cpu)
      return yield* store(ownGen, outcome.mmGen)
    default:
      return
  }
}

/** {@link flushTlbFunc} as what `smp_call_function_many` calls. */
export function declareFlushTlbFuncMulti(tlb: () => TlbMulti): SmpFunction {
  return smpFunction(function* flushTlbFuncRemote(cpu: Cpu, info: Plain): Task<void> {
    yield* flushTlbFunc(tlb(), cpu, info as FlushTlbInfo, false)
  })
}
