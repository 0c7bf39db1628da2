/**
 * `hyperv-now`: today's `hyperv_flush_tlb_multi` (arch/x86/hyperv/mmu.c). The whole mask, this CPU included, goes to the
 * hypervisor; what is asked is decided by `hyperv-rules.ts`.
 *
 *   CPU0  flush                             CPU1  switches away from mm
 *     cli
 *     last CPU of the mask?                   clear CPU1 in mask    (CPU0's IF holds nothing off)
 *     collect VP numbers of the mask          CR3 = another
 *     nobody left: no call
 *     hypercall; sti
 *
 * A CPU that leaves the mask in between has left the mm and compares generations when it comes back; one that joins reads
 * page tables that have been changed before.
 */
import { addressSpaceOf, encodeFlushInput } from '../../abi/flush.ts'
import { decodeControlWord, withRepStart } from '../../abi/index.ts'
import { decodeResultWord } from '../../abi/result-word.ts'
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { type GuestPage, type HypercallPort, storeWord } from '../../machine/hypercall.ts'
import { type IrqFlags, localIrqRestore, localIrqSave } from '../../machine/interrupts.ts'
import type { Cpu } from '../../machine/machine.ts'
import { type CpuMask, cpuBit, loadMask } from '../../machine/masks.ts'
import { load, type Variable } from '../../machine/variables.ts'
import type { FlushTlbInfo } from '../flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../kernel.ts'
import type { Mm } from '../mm.ts'
import { cpuIsLazy, nativeFlushTlbMulti, type TlbMulti } from '../tlb-multi.ts'
import {
  type HypervFacts,
  type HypervPlan,
  type HypervRules,
  hypervFlushTlbMulti as rule,
} from './hyperv-rules.ts'
import { beginRequest, endRequest, interfaceViolation, noteReached } from './interface-check.ts'

/** What boot has set up. */
export interface HypervNowSetup {
  readonly rules: HypervRules
  readonly facts: HypervFacts
  /** `hv_hypercall_pg`; set for good if not given. */
  readonly hypercallPage?: Variable<number>
  /** `hyperv_pcpu_input_arg`: null on a CPU that is not online yet, or is dying. */
  readonly inputPages: readonly (GuestPage | null)[]
  /** What the hypervisor finds where the physical address that is given for a CPU's page points to; the page by default. */
  readonly pagesAtGivenAddress?: readonly GuestPage[]
  readonly port: HypercallPort
  /** CR3 of an mm; its root alone by default. */
  readonly cr3Of?: (mm: Mm) => bigint
  /** `ignored` (never upstream): lazy CPUs are left out even when tables are freed. */
  readonly freedTables?: 'ignored'
}

type CallPlan = Extract<HypervPlan, { readonly kind: 'call' }>

/** The backend of one kernel. */
export function hypervBackend(tlb: TlbMulti, setup: HypervNowSetup): FlushBackend {
  return named({
    name: 'hyperv-now',
    flushTlbOthers: function* flushTlbMulti(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const { checks } = tlb.kernel()
      const outer = yield* beginRequest(checks, cpu, info)
      const flushed = yield* call(hypervFlushTlbMulti, tlb.kernel(), setup, cpu, info)
      if (!flushed) yield* nativeFlushTlbMulti(tlb, cpu, info)
      yield* endRequest(checks, cpu, outer)
    },
  })
}

function rootOf(mm: Mm): bigint {
  return BigInt(mm.pgd.pfn) << 12n
}

/** `hyperv_flush_tlb_multi()`; false if the caller has to flush natively. */
export function* hypervFlushTlbMulti(
  kernel: Kernel,
  setup: HypervNowSetup,
  cpu: Cpu,
  info: FlushTlbInfo,
): Task<boolean> {
  const { hypercallPage, inputPages, rules, facts } = setup
  const request = {
    cr3: (setup.cr3Of ?? rootOf)(info.mm),
    start: info.start,
    end: info.end,
    freedTables: info.freedTables && setup.freedTables !== 'ignored',
  }
  let flags: IrqFlags = 'skipped'
  let leftOut: CpuMask = 0n
  const plan = yield* rule(rules, facts, request, {
    hypercallPage: function* (): Task<boolean> {
      return hypercallPage === undefined || (yield* load(hypercallPage)) === 1
    },
    interruptsOff: function* hypervFlushTlbMulti(): Task<void> {
      flags = yield* localIrqSave(cpu, 'hyperv_flush_tlb_multi')
    },
    inputPage: function* (): Task<boolean> {
      return inputPages[cpu.id] !== null
    },
    mask: () => loadMask(info.mm.cpumask, 'mm_cpumask'),
    isLazy: function* (target): Task<boolean> {
      const lazy = yield* cpuIsLazy(kernel, target)
      if (lazy) leftOut |= cpuBit(target)
      return lazy
    },
  })
  if (plan.kind === 'fault') yield* interfaceViolation(plan.message)
  // Who is lazy now compares generations before it uses what it holds.
  if (leftOut !== 0n)
    yield* noteReached(kernel.checks, cpu, { mask: leftOut, start: info.start, end: info.end })
  const flushed =
    plan.kind === 'call' ? yield* hvDoHypercall(kernel, setup, cpu, info, plan) : plan.kind === 'none'
  yield* localIrqRestore(cpu, flags)
  return flushed
}

/** Fills this CPU's page and makes the call, again from where it stopped as long as a list is not done. */
function* hvDoHypercall(
  kernel: Kernel,
  setup: HypervNowSetup,
  cpu: Cpu,
  info: FlushTlbInfo,
  plan: CallPlan,
): Task<boolean> {
  const page = setup.inputPages[cpu.id]!
  const { bytes } = encodeFlushInput(plan.input)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += 8) yield* storeWord(page, at >> 3, view.getBigUint64(at, true))
  const given = setup.pagesAtGivenAddress?.[cpu.id] ?? page
  const { repCount } = decodeControlWord(plan.control)
  for (let repStart = 0; ; ) {
    const outcome = yield* setup.port.vmcall(cpu, {
      control: withRepStart(plan.control, repStart),
      input: given,
    })
    const { status, repsCompleted } = decodeResultWord(outcome.result)
    if (status !== 0) return false
    const ours = outcome.addressSpace === 'all' || outcome.addressSpace === addressSpaceOf(rootOf(info.mm))
    if (ours)
      yield* noteReached(kernel.checks, cpu, {
        mask: outcome.reached,
        start: outcome.start,
        end: outcome.end,
      })
    if (repsCompleted >= repCount) return true
    repStart = repsCompleted
  }
}
