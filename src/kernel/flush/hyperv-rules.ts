/**
 * arch/x86/hyperv/mmu.c, its decisions: which hypercall, with which flags, processors and list, or none, or IPIs. The
 * protocol in `hyperv.ts` runs {@link hypervFlushTlbMulti} over its own loads; {@link planHypervFlush} runs it over known values.
 */
import { callShapeByName, listCapacity } from '../../abi/calls.ts'
import { fillGvaList, flushFormOf } from '../../abi/fill-gva-list.ts'
import {
  addressSpaceOf,
  type FlushInput,
  flushControlWord,
  HV_FLUSH_ALL_PROCESSORS,
  HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES,
  HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY,
} from '../../abi/flush.ts'
import { cpumaskToVpset, VP_INVAL, type VpSet } from '../../abi/vp-set.ts'
import { type CpuMask, cpuBit, cpusOf } from '../../machine/masks.ts'
import { decide, known, type Reading } from '../readings.ts'

/** VPs that the mask of the plain calls can name. */
const MASK_BITS = 64

/** What changed between kernels. */
export interface HypervRules {
  /** Lazy CPUs are asked like others, or left out of a mask unless tables are freed (never of "all processors"). */
  readonly lazyCpus: 'asked' | 'left-out'
  /**
   * How an empty mask is met: tested before interrupts are off; tested with interrupts off (ad0a6bad4475, which helps
   * nobody, because the mask is other CPUs'); or not at all, and what was collected is looked at (51500b71d500).
   */
  readonly emptyMask: 'tested-first' | 'tested-with-irqs-off' | 'nothing-collected'
}

/** Kernels by name: `6.1` and `6.12` as recorded, `2021` from before the fixes of the empty mask. */
export const HYPERV_KERNELS = {
  '2020': { lazyCpus: 'asked', emptyMask: 'tested-first' },
  '2021': { lazyCpus: 'asked', emptyMask: 'tested-with-irqs-off' },
  '6.1': { lazyCpus: 'asked', emptyMask: 'nothing-collected' },
  '6.12': { lazyCpus: 'left-out', emptyMask: 'nothing-collected' },
} as const satisfies Readonly<Record<string, HypervRules>>

export type HypervKernel = keyof typeof HYPERV_KERNELS

/** One flush as the backend is asked for it. */
export interface HypervRequest {
  /** CR3 of the mm, with whatever is in its low and high bits; null for a flush of no particular mm. */
  readonly cr3: bigint | null
  readonly start: bigint
  readonly end: bigint
  readonly freedTables: boolean
}

/** What does not change while a flush is decided. */
export interface HypervFacts {
  /** `cpu_present_mask`. */
  readonly present: CpuMask
  /** `hv_vp_index`: VP number of each CPU, `VP_INVAL` where it is not known. */
  readonly vpNumbers: readonly number[]
  /** `hv_max_vp_index`; the largest valid number if not given. */
  readonly maxVpIndex?: number
  /** CPUID 0x40000004.EAX[11]. */
  readonly exProcessorMasks: boolean
  /** What goes into the address-space field; the kernel's own is {@link addressSpaceOf}. */
  readonly addressSpace?: (cr3: bigint) => bigint
}

/** The looks and steps of `hyperv_flush_tlb_multi`, in its order. */
export interface HypervReadings<Y> {
  /** `hv_hypercall_pg` is set. */
  readonly hypercallPage: () => Reading<Y, boolean>
  /** `local_irq_save()`. */
  readonly interruptsOff: () => Reading<Y, void>
  /** `*this_cpu_ptr(hyperv_pcpu_input_arg)` is there. */
  readonly inputPage: () => Reading<Y, boolean>
  /** The target mask, which is the live `mm_cpumask`; every look is a look of its own. */
  readonly mask: () => Reading<Y, CpuMask>
  readonly isLazy: (cpu: number) => Reading<Y, boolean>
}

/** Why a flush is native: the complete list of the fall-backs that are decided before a call is made. */
export type FallBack =
  | 'no hypercall page'
  | 'no input page on this CPU'
  | 'a target has no VP number'
  | 'a VP number of 64 or more, and no Ex calls'

export type HypervPlan =
  /** Success without a call. */
  | { readonly kind: 'none'; readonly reason: 'empty mask' | 'every target is lazy or has left' }
  | { readonly kind: 'native'; readonly reason: FallBack }
  | {
      readonly kind: 'call'
      readonly callCode: number
      readonly control: bigint
      /** Flags, mask or VP set, and list, as `abi/` encodes them. */
      readonly input: HypervInput
      /** The CPUs that the call names. */
      readonly targets: CpuMask
    }
  /** The code itself goes wrong. */
  | { readonly kind: 'fault'; readonly message: string }

/** The inputs of the four flush calls. */
export type HypervInput = Exclude<FlushInput, { readonly call: 'gpa-space' | 'gpa-list' }>

/** `hyperv_flush_tlb_multi()` up to the call. */
export function* hypervFlushTlbMulti<Y>(
  rules: HypervRules,
  facts: HypervFacts,
  request: HypervRequest,
  read: HypervReadings<Y>,
): Generator<Y, HypervPlan, unknown> {
  if (!(yield* read.hypercallPage())) return { kind: 'native', reason: 'no hypercall page' }
  if (rules.emptyMask === 'tested-first' && (yield* read.mask()) === 0n)
    return { kind: 'none', reason: 'empty mask' }
  yield* read.interruptsOff()
  if (!(yield* read.inputPage())) return { kind: 'native', reason: 'no input page on this CPU' }
  if (rules.emptyMask === 'tested-with-irqs-off' && (yield* read.mask()) === 0n)
    return { kind: 'none', reason: 'empty mask' }
  if ((yield* read.mask()) === facts.present)
    return callFor(facts, request, { processorMask: 0n, flags: HV_FLUSH_ALL_PROCESSORS }, facts.present)

  // The highest CPU first: where VP numbers ascend with CPU numbers it tells at once whether Ex calls are needed.
  const last = lastCpu(yield* read.mask(), facts)
  if (last < facts.vpNumbers.length) {
    if (isBeyondMask(facts.vpNumbers[last]!))
      return yield* hypervFlushTlbOthersEx(rules, facts, request, read)
  } else if (rules.emptyMask !== 'nothing-collected') {
    return {
      kind: 'fault',
      message: `hv_vp_index[${last}] is read: the mask has emptied since it was tested`,
    }
  }
  let processorMask = 0n
  let targets = 0n
  for (const cpu of cpusOf(yield* read.mask())) {
    if (yield* doLazy(rules, request, cpu, read)) continue
    const vp = facts.vpNumbers[cpu]!
    if (vp === VP_INVAL) return { kind: 'native', reason: 'a target has no VP number' }
    if (isBeyondMask(vp)) return yield* hypervFlushTlbOthersEx(rules, facts, request, read)
    processorMask |= 1n << BigInt(vp)
    targets |= cpuBit(cpu)
  }
  if (processorMask === 0n && rules.emptyMask === 'nothing-collected')
    return { kind: 'none', reason: 'every target is lazy or has left' }
  return callFor(facts, request, { processorMask, flags: 0n }, targets)
}

/** `hyperv_flush_tlb_others_ex()` up to the call: the set is collected anew, in banks from 0 to the highest one used. */
function* hypervFlushTlbOthersEx<Y>(
  rules: HypervRules,
  facts: HypervFacts,
  request: HypervRequest,
  read: HypervReadings<Y>,
): Generator<Y, HypervPlan, unknown> {
  if (!facts.exProcessorMasks) return { kind: 'native', reason: 'a VP number of 64 or more, and no Ex calls' }
  const vps: number[] = []
  let targets = 0n
  for (const cpu of cpusOf(yield* read.mask())) {
    if (yield* doLazy(rules, request, cpu, read)) continue
    vps.push(facts.vpNumbers[cpu]!)
    targets |= cpuBit(cpu)
  }
  const built = cpumaskToVpset(vps, facts.maxVpIndex ?? maxVpIndexOf(facts.vpNumbers))
  if (built.kind === 'invalid-vp') return { kind: 'native', reason: 'a target has no VP number' }
  // With 64 banks or more the kernel's builder gives 0 banks, and the call goes out with a set of nobody.
  const vpSet = built.kind === 'set' ? built.set : EMPTY_SET
  return callFor(facts, request, { vpSet, flags: 0n }, built.kind === 'set' ? targets : 0n)
}

const EMPTY_SET: VpSet = { format: 0n, validBankMask: 0n, banks: [] }

function* doLazy<Y>(
  rules: HypervRules,
  request: HypervRequest,
  cpu: number,
  read: HypervReadings<Y>,
): Generator<Y, boolean, unknown> {
  return rules.lazyCpus === 'left-out' && !request.freedTables && (yield* read.isLazy(cpu))
}

/** `cpumask_last()`: the number of CPUs, which is none's, if the mask is empty. */
function lastCpu(mask: CpuMask, facts: HypervFacts): number {
  return mask === 0n ? facts.vpNumbers.length : mask.toString(2).length - 1
}

function isBeyondMask(vp: number): boolean {
  return vp >= MASK_BITS && vp !== VP_INVAL
}

/** `hv_max_vp_index`. */
export function maxVpIndexOf(vpNumbers: readonly number[]): number {
  return vpNumbers.reduce((max, vp) => (vp !== VP_INVAL && vp > max ? vp : max), 0)
}

/** The processors of a call, in one of its two forms. */
type Processors =
  | { readonly processorMask: bigint; readonly flags: bigint }
  | { readonly vpSet: VpSet; readonly flags: bigint }

/** Space or list, and the fields of the input. */
function callFor(
  facts: HypervFacts,
  request: HypervRequest,
  processors: Processors,
  targets: CpuMask,
): HypervPlan {
  const { start, end, cr3 } = request
  const addressSpace = cr3 === null ? 0n : (facts.addressSpace ?? addressSpaceOf)(cr3)
  const isEx = 'vpSet' in processors
  const banks = isEx ? processors.vpSet.banks.length : 0
  const capacity = listCapacity(callShapeByName(isEx ? 'list-ex' : 'list'), banks)
  const form = flushFormOf(start, end, capacity)
  const flags =
    processors.flags |
    (cr3 === null ? HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES : 0n) |
    (form === 'all' ? HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY : 0n)
  if (form !== 'list') {
    return isEx
      ? made({ call: 'space-ex', addressSpace, flags, vpSet: processors.vpSet }, targets)
      : made({ call: 'space', addressSpace, flags, processorMask: processors.processorMask }, targets)
  }
  const { entries: gvaList, outcome } = fillGvaList(start, end, capacity)
  if (outcome === 'overflows')
    return { kind: 'fault', message: `a list of more than ${capacity} ranges runs past its page` }
  return isEx
    ? made({ call: 'list-ex', addressSpace, flags, vpSet: processors.vpSet, gvaList }, targets)
    : made({ call: 'list', addressSpace, flags, processorMask: processors.processorMask, gvaList }, targets)
}

function made(input: HypervInput, targets: CpuMask): HypervPlan {
  const { code } = callShapeByName(input.call)
  return { kind: 'call', callCode: code, control: flushControlWord(input), input, targets }
}

/** Everything that a flush is decided by, at one moment. */
export interface HypervFlushInputs extends HypervRequest, HypervFacts {
  readonly rules: HypervRules
  /** The target CPUs; since 5.13 the caller is one of them. */
  readonly mask: CpuMask
  /** CPUs in lazy TLB mode. */
  readonly lazy: CpuMask
  /** Both set by default. */
  readonly hypercallPage?: boolean
  readonly inputPage?: boolean
}

/**
 * What the Hyper-V backend does for one flush.
 *
 * @example
 * planHypervFlush({ rules: HYPERV_KERNELS['6.12'], cr3: 0x5bb2000n, start, end, freedTables: false,
 *   present: 0xfn, vpNumbers: [0, 1, 2, 3], exProcessorMasks: true, mask: 0x7n, lazy: 0x2n })
 */
export function planHypervFlush(inputs: HypervFlushInputs): HypervPlan {
  return decide(
    hypervFlushTlbMulti<never>(inputs.rules, inputs, inputs, {
      hypercallPage: () => known(inputs.hypercallPage ?? true),
      interruptsOff: () => known(undefined),
      inputPage: () => known(inputs.inputPage ?? true),
      mask: () => known(inputs.mask),
      isLazy: (cpu) => known((inputs.lazy & cpuBit(cpu)) !== 0n),
    }),
  )
}
