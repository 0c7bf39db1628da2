/**
 * arch/x86/mm/tlb.c: `switch_mm_irqs_off`, lazy TLB mode, and ASIDs with their generations.
 *
 *   CPU0  flush                             CPU1  switch to mm
 *     PTE[v] = none                           set CPU1 in mask         (locked)
 *     tlb_gen++          (locked)             g = tlb_gen; does this ASID hold an older one?
 *     read mask, loaded_mm, is_lazy           CR3 = mm, keeping the ASID's entries if not
 *     IPI whoever is using mm                 loaded_mm = mm
 *
 * Either CPU0 sees that CPU1 uses mm, or CPU1 sees the new generation: both store, then look.
 *
 *   CPU0  flush                             CPU1  idle, lazy
 *     tlb_gen++                               is_lazy = 0
 *     CPU1 is lazy: no IPI                    smp_mb
 *     (tables freed: IPI all the same)        tlb_gen changed? flush
 *
 * A lazy CPU uses no entry of user addresses, but it walks tables speculatively: who frees tables may not leave it out.
 */
import { cpuName } from '../core/cells.ts'
import type { Task } from '../core/operation.ts'
import { type Handle, newHandleId } from '../core/plain.ts'
import { call } from '../core/task.ts'
import { localIrqRestore, localIrqSave } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
import type { AddressSpace } from '../machine/spaces.ts'
import { movCr3 } from '../machine/tlb.ts'
import { load, smpMb, store, type Variable } from '../machine/variables.ts'
import { clearFromMask, setInMask } from './flush/interface-check.ts'
import type { Kernel } from './kernel.ts'
import type { Mm } from './mm.ts'

/** What differs between kernels, and what scenarios leave out. */
export interface SwitchRules {
  /** The bit of the mm that is left: cleared at once, or left for others to trim (209954cbc7d0, 6.14). */
  readonly previousBit: 'cleared' | 'kept'
  /**
   * The bit of the mm that is entered: set by a locked operation whether it was set or not; only if it was clear, which
   * leaves out the barrier too; only if it was clear, with a barrier otherwise; after CR3 is loaded (never upstream).
   */
  readonly nextBit: 'always-set' | 'set-if-clear' | 'set-if-clear-or-barrier' | 'set-after-cr3'
  /** `loaded_mm` while CR3 changes: the mm that is left, or LOADED_MM_SWITCHING from before the bit is set (6db2526c1d69). */
  readonly loadedMm: 'old-one' | 'switching'
}

export const SWITCH_RULES: SwitchRules = {
  previousBit: 'cleared',
  nextBit: 'always-set',
  loadedMm: 'old-one',
}

/** `LOADED_MM_SWITCHING`: a pointer that is no mm. */
export const LOADED_MM_SWITCHING = { handleId: newHandleId(), name: 'LOADED_MM_SWITCHING' } as Mm

/** Per-CPU state of the switching code, beside `cpu_tlbstate`. `null` stands for init_mm. */
export interface SwitchState extends Handle {
  readonly rules: SwitchRules
  readonly initMm: AddressSpace
  /** `ctxs[asid].ctx_id`: whose entries an ASID of a CPU may hold. */
  readonly ctxMm: readonly (readonly Variable<Mm | null | 'nobody'>[])[]
  /** `next_asid`. */
  readonly nextAsid: readonly Variable<number>[]
}

/** Declares it: ASID 0 of each CPU is that of the mm that it starts with, the others are unused. */
export function declareSwitchState(
  kernel: Pick<Kernel, 'machine'>,
  initMm: AddressSpace,
  loaded: (cpu: number) => Mm | null,
  rules: SwitchRules = SWITCH_RULES,
): SwitchState {
  const { machine } = kernel
  const show = (mm: Mm | null | 'nobody') => (mm === 'nobody' ? mm : (mm?.name ?? 'init_mm'))
  return {
    handleId: newHandleId(),
    rules,
    initMm,
    ctxMm: machine.cpus.map(({ id }) =>
      Array.from({ length: machine.contexts }, (_, asid) =>
        machine.plainVariable<Mm | null | 'nobody'>(
          cpuName`ctxs[${id}][${String(asid)}].ctx_id`,
          asid === 0 ? loaded(id) : 'nobody',
          show,
        ),
      ),
    ),
    nextAsid: machine.perCpu('next_asid', () => 1 % machine.contexts, 2),
  }
}

/** An ASID for the next mm, and whether what it holds has to go. */
interface ChosenAsid {
  readonly asid: number
  readonly needFlush: boolean
}

/** init_mm is never flushed. */
const INIT_MM_GEN = 1

/** `choose_new_asid()`: the ASID that has this mm's entries, else the next one in turn. Without PCIDs everything goes. */
function* chooseNewAsid(
  kernel: Kernel,
  state: SwitchState,
  cpu: Cpu,
  next: Mm | null,
  nextTlbGen: number,
): Task<ChosenAsid> {
  const ctxMm = state.ctxMm[cpu.id]!
  if (ctxMm.length === 1) return { asid: 0, needFlush: true }
  const { tlbGen } = kernel.tlbState[cpu.id]!
  for (const [asid, owner] of ctxMm.entries()) {
    if ((yield* load(owner)) !== next) continue
    return { asid, needFlush: (yield* load(tlbGen[asid]!)) < nextTlbGen }
  }
  const asid = yield* load(state.nextAsid[cpu.id]!)
  yield* store(state.nextAsid[cpu.id]!, (asid + 1) % ctxMm.length)
  return { asid, needFlush: true }
}

/** `switch_mm()`: with interrupts off over the whole switch. `null` is init_mm. */
export function* switchMm(kernel: Kernel, state: SwitchState, cpu: Cpu, next: Mm | null): Task<void> {
  const flags = yield* localIrqSave(cpu, 'switch_mm')
  yield* call(switchMmIrqsOff, kernel, state, cpu, next)
  yield* localIrqRestore(cpu, flags)
}

/** `switch_mm_irqs_off()`. */
export function* switchMmIrqsOff(kernel: Kernel, state: SwitchState, cpu: Cpu, next: Mm | null): Task<void> {
  const own = kernel.tlbState[cpu.id]!
  const previous = yield* load(own.loadedMm)
  const wasLazy = (yield* load(own.isLazy)) === 1
  if (wasLazy) yield* store(own.isLazy, 0)

  if (previous === next) {
    if (!wasLazy) return
    // Flushes left this CPU out while it was lazy. The barrier is between is_lazy and tlb_gen, see above.
    yield* smpMb('switch_mm_irqs_off, leaving lazy mode')
    const asid = own.tlbGen.length === 1 ? 0 : yield* load(own.loadedAsid)
    const nextTlbGen = next === null ? INIT_MM_GEN : yield* load(next.tlbGen)
    if ((yield* load(own.tlbGen[asid]!)) === nextTlbGen) return
    yield* loadNewMmCr3(kernel, state, cpu, next, nextTlbGen, { asid, needFlush: true })
    yield* store(own.loadedMm, next)
    return
  }

  const { previousBit, nextBit, loadedMm } = state.rules
  if (loadedMm === 'switching') yield* store(own.loadedMm, LOADED_MM_SWITCHING)
  else if (previous !== null && previousBit === 'cleared')
    yield* clearFromMask(kernel.checks, previous, cpu.id)
  if (next !== null && nextBit !== 'set-after-cr3') yield* startRemoteFlushes(next, cpu, nextBit)
  const nextTlbGen = next === null ? INIT_MM_GEN : yield* load(next.tlbGen)
  const chosen = yield* chooseNewAsid(kernel, state, cpu, next, nextTlbGen)
  yield* loadNewMmCr3(kernel, state, cpu, next, nextTlbGen, chosen)
  yield* store(own.loadedMm, next)
  if (own.tlbGen.length > 1) yield* store(own.loadedAsid, chosen.asid)
  if (next !== null && nextBit === 'set-after-cr3') yield* setInMask(next, cpu.id)
}

/** The mask bit of the mm that is entered, and the barrier between it (or loaded_mm) and the look at tlb_gen. */
function* startRemoteFlushes(next: Mm, cpu: Cpu, how: SwitchRules['nextBit']): Task<void> {
  if (how === 'always-set' || (yield* load(next.cpumask[cpu.id]!)) === 0)
    return yield* setInMask(next, cpu.id)
  if (how === 'set-if-clear-or-barrier') yield* smpMb('switch_mm_irqs_off, in the mask already')
}

/** `load_new_mm_cr3()`, and the notes on what the ASID holds from now on. */
function* loadNewMmCr3(
  kernel: Kernel,
  state: SwitchState,
  cpu: Cpu,
  next: Mm | null,
  nextTlbGen: number,
  { asid, needFlush }: ChosenAsid,
): Task<void> {
  const space = next === null ? state.initMm : next.space
  if (needFlush) {
    if (state.ctxMm[cpu.id]!.length > 1) yield* store(state.ctxMm[cpu.id]![asid]!, next)
    yield* store(kernel.tlbState[cpu.id]!.tlbGen[asid]!, nextTlbGen)
  }
  yield* movCr3(cpu, space, asid, needFlush ? 'flush' : 'no-flush')
}

/** `enter_lazy_tlb()`: a kernel thread or the idle loop runs on in the mm that is loaded. */
export function* enterLazyTlb(kernel: Kernel, cpu: Cpu): Task<void> {
  const own = kernel.tlbState[cpu.id]!
  if ((yield* load(own.loadedMm)) !== null) yield* store(own.isLazy, 1)
}
