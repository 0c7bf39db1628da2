import type { FlushFields, FlushInfo, Where } from './events.ts'

/** A task that a CPU ran, as sched_switch told it. */
export interface Running {
  readonly pid: number
  readonly comm: string
}

/** A context switch, with whether it flushed: the other input of a CPU's TLB generations. */
export interface Switch {
  readonly at: Where
  readonly prev: Running
  readonly next: Running
  /** The CPU flushed everything (reason 0) on the way to the next task's address space. */
  flushed: boolean
}

/** How a CPU came to execute a flush. */
export type HandlerContext = 'initiator' | 'call_function' | 'call_function_single' | 'no interrupt'

/** One execution of `flush_tlb_func`, with what came of it. */
export interface Handling {
  readonly at: Where
  readonly context: HandlerContext
  /**
   * - `flushed`: {@link pages} were flushed, -1 for all
   * - `left mm`: the CPU was lazy and switched to init_mm
   * - `nothing`: no event: a later generation was already there, or the mm was not loaded
   * - `unknown`: the recording ends, or the CPU's events are lost, before it can be told
   */
  outcome: 'flushed' | 'left mm' | 'nothing' | 'unknown'
  pages?: number
  /** The `tlb_flush` event that tells it. */
  done?: Where
  /** The handler began after the initiator had returned from its remote flush. */
  readonly afterReturn: boolean
}

/**
 * A remote flush that a CPU did in an IPI handler without the probe of `flush_tlb_func`: a probe that hits while
 * another one's handler runs on its CPU is dropped. It explains a flush that was executed on fewer CPUs than it should.
 */
export interface LostExecution {
  readonly at: Where
  readonly context: HandlerContext
  readonly pages: number
  /** `left mm`: the CPU was lazy and switched to init_mm. */
  readonly outcome: 'flushed' | 'left mm'
}

/** Which remote flush the kernel took; `native` is the IPI. */
export type Backend = 'native' | 'xen' | 'hyperv' | 'kvm'

/** The remote part of a flush. */
export interface RemoteFlush {
  readonly at: Where
  readonly backend: Backend
  /** Word 0 of mm_cpumask as read at entry, the initiator included; the live mask may grow afterwards. */
  readonly mask: bigint
  /** KVM: the mask that was left for the IPIs, once preempted vCPUs were handed to the host. */
  nativeMask?: bigint
  /** The `remote ipi send` event: its pages, -1 for all. */
  sent?: { readonly at: Where; readonly pages: number }
  /** The backend's own event: CPUs in the mask that it was given. */
  paravirtual?: { readonly at: Where; readonly ncpus: number; readonly start: number; readonly end: number }
  /** CPUs whose call queue got the flush, by `csd:*` events. */
  readonly queued: number[]
  /** CPUs to which an interrupt was sent, by `ipi:*` events. */
  interrupted: bigint
  readonly handlers: Handling[]
  returned?: Where
}

/**
 * One flush: what was asked of `flush_tlb_mm_range`, and what the kernel decided. This is what a model of the
 * kernel is given (`request`, `info`, `tasks`) and what it must predict (all the rest).
 */
export interface Flush {
  /** The call of `flush_tlb_mm_range`; absent when it is before the recording, or another function asked. */
  readonly request?: { readonly at: Where } & FlushFields
  /** `flush_tlb_info` as built by the initiator, with its generation; absent when nothing was flushed. */
  info?: FlushInfo
  /** Flush of the initiator's own TLB. */
  local?: Handling
  remote?: RemoteFlush
  /** What each CPU ran when the flush was decided, by CPU; undefined for a CPU that has not switched yet. */
  tasks: readonly (Running | undefined)[]
}

/** What a flush came to: nobody had the mm loaded, only this CPU, or others too. */
export function reach(flush: Flush): 'nobody' | 'local' | 'remote' {
  if (flush.remote !== undefined) return 'remote'
  return flush.local === undefined ? 'nobody' : 'local'
}

/** The CPUs other than the initiator on which the flush was executed, as a mask. */
export function handledOn(flush: Flush): bigint {
  let mask = 0n
  for (const { at } of flush.remote?.handlers ?? []) mask |= 1n << BigInt(at.cpu)
  return mask
}
