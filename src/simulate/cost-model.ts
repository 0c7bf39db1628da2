/**
 * Cost models: what each thing costs on one kind of machine. A model is a file of constants, each with where it comes from;
 * nothing else in the simulator holds a cost.
 */
import { UsageError } from '../core/errors.ts'

/** One constant. Cycles become time by the model's clock rate. */
export interface Constant {
  readonly value: number
  readonly unit: 'cycles' | 'ns' | 'entries'
  /** Section of the facts and its source, or `assumption:` and why. */
  readonly source: string
}

export function cycles(value: number, source: string): Constant {
  return { value, unit: 'cycles', source }
}

export function ns(value: number, source: string): Constant {
  return { value, unit: 'ns', source }
}

export function entries(value: number, source: string): Constant {
  return { value, unit: 'entries', source }
}

/** Everything that has a cost. */
export interface Constants {
  /** Instructions on lines in the own cache. */
  readonly load: Constant
  readonly store: Constant
  readonly rmw: Constant
  readonly fence: Constant
  readonly cli: Constant
  readonly sti: Constant
  /** A line that another CPU has written: of the same last-level cache, of another one in the socket, of another socket. */
  readonly line: Constant
  readonly lineAcross: Constant
  readonly lineFar: Constant
  /** Interrupt or exception entry with its kernel prologue, and the way back. */
  readonly interrupt: Constant
  readonly iret: Constant
  /** System call, in and out. */
  readonly syscall: Constant
  /** Bookkeeping of a flush function call: `flush_tlb_func` beyond its instructions. */
  readonly flushFunction: Constant
  /** Minor fault without locks and without allocation; allocating (with zeroing) and freeing a page. */
  readonly fault: Constant
  readonly alloc: Constant
  readonly free: Constant
  /** Invalidations. */
  readonly invlpg: Constant
  /** The second invalidation per page with PTI. */
  readonly invpcid: Constant
  readonly cr3: Constant
  readonly cr4: Constant
  /** INVLPGB as issued; TLBSYNC, one at a time on the whole machine: every CPU takes every broadcast. */
  readonly invlpgb: Constant
  readonly tlbsync: Constant
  /** One entry filled again after a flush; how many are, at most; how much slower through nested tables. */
  readonly refill: Constant
  readonly tlbEntries: Constant
  /** From one page of its working set that user code comes back to, to the next. */
  readonly pageVisit: Constant
  readonly nestedFactor: Constant
  /** A write to the ICR without an exit; from there to the first instruction of the handler, near and far. */
  readonly icr: Constant
  readonly delivery: Constant
  readonly deliveryFar: Constant
  /** VM exit and entry, both ways, with nothing done in between. */
  readonly exit: Constant
  /** What the host does for an ICR write that exits: x2APIC, and xAPIC (decoded from memory accesses). */
  readonly icrExit: Constant
  readonly icrExitXapic: Constant
  /** What each further target of one multicast costs the host that delivers it. */
  readonly hostPerTarget: Constant
  /** What a host pays to look at another vCPU: its structure's lines come from where it last ran, or who last flushed it. */
  readonly hostVcpu: Constant
  /** Delivery to a running vCPU: posted, without an exit; and in software, which makes it exit. */
  readonly posted: Constant
  /** Xen, KVM or Hyper-V switching a pCPU from one vCPU to another; a sleeping one that is woken until it runs. */
  readonly hostSwitch: Constant
  readonly wake: Constant
  /** What waking takes longer out of deeper idle states than C1, and for how long a CPU has to be idle before it is there. */
  readonly c1eExit: Constant
  readonly c1eResidency: Constant
  readonly c3Exit: Constant
  readonly c3Residency: Constant
  readonly c6Exit: Constant
  readonly c6Residency: Constant
  /** A guest's own switch between tasks. */
  readonly taskSwitch: Constant
  /** How many times longer everything takes while another thread of the core executes, too. */
  readonly sharedCore: Constant
  /** Shortest grace period, and one callback. */
  readonly gracePeriod: Constant
  readonly rcuCallback: Constant
}

export type CostName = keyof Constants

export interface CostModel {
  readonly name: string
  readonly title: string
  readonly ghz: number
  readonly constants: Constants
}

/** Constants in nanoseconds (entries: as they are). */
export type Costs = { readonly [K in CostName]: number } & { readonly ghz: number }

/**
 * Resolves a model.
 *
 * @param changes - values in the unit of each constant, by name: what a machine description says differently
 * @param pti - page-table isolation: system calls and faults write CR3 on the way in and on the way out
 */
export function resolveCosts(
  model: CostModel,
  changes: Readonly<Record<string, number>> = {},
  pti = false,
): Costs {
  for (const name of Object.keys(changes)) {
    if (!(name in model.constants)) {
      throw new UsageError(`no cost is called ${name}; there are: ${Object.keys(model.constants).join(', ')}`)
    }
  }
  const resolved = Object.entries(model.constants).map(([name, constant]: [string, Constant]) => {
    const value = changes[name] ?? constant.value
    return [name, constant.unit === 'cycles' ? value / model.ghz : value]
  })
  const costs = { ...Object.fromEntries(resolved), ghz: model.ghz } as Costs
  if (!pti) return costs
  return { ...costs, syscall: costs.syscall + 2 * costs.cr3, fault: costs.fault + 2 * costs.cr3 }
}
