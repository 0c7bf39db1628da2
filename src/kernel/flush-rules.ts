/**
 * arch/x86/mm/tlb.c, its decisions: whole address space or pages, here or elsewhere, which CPUs are interrupted, and what a
 * CPU does when it is asked. The protocols run these rules over their own loads; `trace check` runs them over recorded
 * values. There is no other copy.
 */
import { type CpuMask, cpuBit, cpusOf } from '../machine/masks.ts'
import { TLB_FLUSH_ALL } from './flush-info.ts'
import { decide, known, type Reading } from './readings.ts'

/** Bits of an address within a page: the usual `stride_shift`. */
export const PAGE_SHIFT = 12

/** `tlb_single_page_flush_ceiling`: more strides than this and the whole address space is flushed. */
export const TLB_SINGLE_PAGE_FLUSH_CEILING = 33n

/** `TLB_GENERATION_INVALID`: the request names no generation (batched unmaps, kernel flushes). */
export const TLB_GENERATION_INVALID = 0

/** What `flush_tlb_mm_range` makes of a range. `start` and `end` are what the backend is asked for. */
export type FlushPlan =
  | { readonly kind: 'full'; readonly start: bigint; readonly end: bigint }
  | {
      readonly kind: 'ranged'
      readonly start: bigint
      readonly end: bigint
      /** Invalidations on each CPU: what reasons 0 to 3 of `tlb_flush` count. */
      readonly strides: bigint
      /** 4 KiB pages: what reason 4 (`remote ipi send`) counts. */
      readonly basePages: bigint
    }

/** `flush_tlb_mm_range()`, first half: pages one by one, or everything. */
export function planFlush(
  start: bigint,
  end: bigint,
  strideShift: number = PAGE_SHIFT,
  ceiling: bigint = TLB_SINGLE_PAGE_FLUSH_CEILING,
): FlushPlan {
  const strides = (end - start) >> BigInt(strideShift)
  if (end === TLB_FLUSH_ALL || strides > ceiling) return { kind: 'full', start: 0n, end: TLB_FLUSH_ALL }
  return { kind: 'ranged', start, end, strides, basePages: (end - start) >> 12n }
}

/**
 * `flush_tlb_mm_range()`, second half: with another CPU in the mask the backend is called (`flush_tlb_multi`, which takes
 * care of this CPU too), else this CPU flushes if it has the mm loaded, else nobody does.
 */
export function flushPlace(mask: CpuMask, cpu: number, loadedHere: boolean): 'multi' | 'local' | 'nowhere' {
  if ((mask & ~cpuBit(cpu)) !== 0n) return 'multi'
  return loadedHere ? 'local' : 'nowhere'
}

/**
 * Which CPUs of the mask `native_flush_tlb_multi` interrupts when no tables are freed.
 *
 * - `everybody`: until 2018
 * - `not-lazy`: `tlb_is_not_lazy()`, since 2ff6ddf19c0e and its successors (4.20): who is lazy compares generations later
 * - `loaded`: 6db2526c1d69 (Dec 2024), in which the mask may name CPUs that have left
 * - `loaded-or-switching`: `should_flush_tlb()` since fea4e317f9e7 (May 2025)
 */
export type TargetRule = 'everybody' | 'not-lazy' | 'loaded' | 'loaded-or-switching'

/** What a flusher sees in another CPU's `loaded_mm`. */
export type LoadedMm = 'this' | 'other' | 'switching'

/** The looks that {@link shouldFlushTlb} takes at a CPU. */
export interface TargetReadings<Y> {
  readonly loadedMm: (cpu: number) => Reading<Y, LoadedMm>
  readonly isLazy: (cpu: number) => Reading<Y, boolean>
}

/** `should_flush_tlb()` and its predecessors; tables that are freed make every rule interrupt everybody. */
export function* shouldFlushTlb<Y>(
  rule: TargetRule,
  freedTables: boolean,
  cpu: number,
  read: TargetReadings<Y>,
): Generator<Y, boolean, unknown> {
  if (freedTables || rule === 'everybody') return true
  // Before is_lazy, in the order in which switch_mm_irqs_off writes them.
  const loaded = rule === 'not-lazy' ? 'this' : yield* read.loadedMm(cpu)
  if (yield* read.isLazy(cpu)) return false
  return loaded === 'this' || (loaded === 'switching' && rule === 'loaded-or-switching')
}

/** The CPUs that a native flush interrupts, from what is known of them. The caller itself is never among them. */
export function nativeTargets(known_: {
  readonly mask: CpuMask
  readonly cpu: number
  readonly freedTables: boolean
  readonly lazy: CpuMask
  /** CPUs that have the mm loaded; those of the mask if not known. */
  readonly loaded?: CpuMask
  readonly rule?: TargetRule
}): CpuMask {
  const { mask, cpu, freedTables, lazy, loaded = mask, rule = 'not-lazy' } = known_
  const has = (set: CpuMask, target: number) => (set & cpuBit(target)) !== 0n
  const read: TargetReadings<never> = {
    loadedMm: (target) => known<LoadedMm>(has(loaded, target) ? 'this' : 'other'),
    isLazy: (target) => known(has(lazy, target)),
  }
  let targets = 0n
  for (const target of cpusOf(mask & ~cpuBit(cpu))) {
    if (decide(shouldFlushTlb(rule, freedTables, target, read))) targets |= cpuBit(target)
  }
  return targets
}

/**
 * What `flush_tlb_func` does on a CPU.
 *
 * - `wrong-mm`: another mm is loaded (the mask was read before the switch); nothing, no event
 * - `init-mm`: nothing of any process is loaded; nothing, no event
 * - `leave`: lazy: the CPU switches to init_mm, which is reported as reason 0
 * - `superfluous`: a later generation is already there; nothing, no event
 * - `up-to-date`: no generation was named, and none is missing; an event with 0 pages
 * - `partial`: exactly the generation that is named is missing: its pages, one by one
 * - `full`: more is missing, or everything was asked for
 */
export type HandlerOutcome =
  | { readonly kind: 'wrong-mm' | 'init-mm' | 'leave' | 'superfluous' | 'up-to-date' }
  | { readonly kind: 'partial' | 'full'; readonly mmGen: number }

/** The request that a handler was called for. */
export interface HandlerRequest {
  /** `TLB_FLUSH_ALL` for everything. */
  readonly end: bigint
  readonly newTlbGen: number
  /** This CPU is the one that asks. */
  readonly local: boolean
}

/** The looks that `flush_tlb_func` takes, in its order. */
export interface HandlerReadings<Y> {
  readonly loadedMm: () => Reading<Y, 'this' | 'other' | 'init'>
  readonly isLazy: () => Reading<Y, boolean>
  /** `ctxs[loaded_mm_asid].tlb_gen` of this CPU. */
  readonly localGen: () => Reading<Y, number>
  readonly mmGen: () => Reading<Y, number>
}

/** `flush_tlb_func()` up to the invalidation. */
export function* flushTlbFunc<Y>(
  request: HandlerRequest,
  read: HandlerReadings<Y>,
): Generator<Y, HandlerOutcome, unknown> {
  const loaded = yield* read.loadedMm()
  if (loaded === 'other') return { kind: 'wrong-mm' }
  if (loaded === 'init') return { kind: 'init-mm' }
  // Here too when the CPU asks itself: a task that exits is lazy (exit_mm) when it flushes the last of its mm.
  if (yield* read.isLazy()) return { kind: 'leave' }
  const localGen = yield* read.localGen()
  const { newTlbGen } = request
  if (newTlbGen !== TLB_GENERATION_INVALID && newTlbGen <= localGen) return { kind: 'superfluous' }
  return catchUp(request, localGen, yield* read.mmGen())
}

/** What brings a TLB at `localGen` up to the mm's generation. */
export function catchUp(
  { end, newTlbGen }: Pick<HandlerRequest, 'end' | 'newTlbGen'>,
  localGen: number,
  mmGen: number,
): HandlerOutcome {
  if (localGen >= mmGen) return { kind: 'up-to-date' }
  const onlyThis = end !== TLB_FLUSH_ALL && newTlbGen === localGen + 1 && newTlbGen === mmGen
  return { kind: onlyThis ? 'partial' : 'full', mmGen }
}

/** {@link flushTlbFunc} over known values. */
export function handlerOutcome(
  state: HandlerRequest & {
    readonly loadedMm: 'this' | 'other' | 'init'
    readonly lazy: boolean
    readonly localGen: number
    readonly mmGen: number
  },
): HandlerOutcome {
  return decide(
    flushTlbFunc<never>(state, {
      loadedMm: () => known(state.loadedMm),
      isLazy: () => known(state.lazy),
      localGen: () => known(state.localGen),
      mmGen: () => known(state.mmGen),
    }),
  )
}
