/**
 * What a hypervisor does with one execution of the hypercall instruction, as plain data. Host code carries it out;
 * the profiles only decide.
 */
import type { PageSpan } from '../../abi/gva-range.ts'
import { encodeResultWord } from '../../abi/result-word.ts'
import { HV_STATUS_SUCCESS, statusName } from '../../abi/status.ts'

/** Which translations go, on which VPs. */
export interface FlushScope {
  /** VP indices, ascending; only VPs that exist. */
  readonly vps: readonly number[]
  /** The CR3 value whose translations go, under every PCID; or those of every address space. */
  readonly addressSpace: bigint | 'all'
  /** Global translations go too, or may survive. */
  readonly globals: 'flushed' | 'may-survive'
  /** Runs of 4 KiB pages, or the whole space. A large translation that a run touches goes as a whole. */
  readonly spans: readonly PageSpan[] | 'all'
}

/** What a KVM host puts into the queue of each target, see `kvm-fifo.ts`. */
export interface QueueRequest {
  readonly vps: readonly number[]
  readonly context: 'L1' | 'L2'
  readonly entries: readonly bigint[] | 'flush-all'
}

/** The call is over: RIP moves on and the guest sees a result. */
export interface CompletePlan {
  readonly kind: 'complete'
  /** What RAX (or EDX:EAX) holds afterwards. */
  readonly result: bigint
  readonly status: number
  /** Elements done since element 0. */
  readonly repsCompleted: number
  readonly reason: string
  /** Translations that are gone when the call returns (on VPs that do not run: before they run again). */
  readonly flush: FlushScope | null
  /** VPs that the caller waits for before it returns; the other targets flush before they next run guest code. */
  readonly awaited: readonly number[]
  /** VPs with a locked TLB that the caller waits for after flushing (OpenVMM). */
  readonly awaitedLocks: readonly number[]
  readonly queue: QueueRequest | null
  readonly ipi: { readonly vector: number; readonly vps: readonly number[] } | null
  /** KVM leaves the nested guest for its L1 hypervisor, which holds TLB locks. */
  readonly syntheticExit: boolean
}

export type HypercallPlan =
  | CompletePlan
  /** Part of a list is done: RIP stays, RCX is rewritten, interrupts may come, the instruction runs again. */
  | {
      readonly kind: 'continue'
      readonly rcx: bigint
      readonly flush: FlushScope | null
      readonly reason: string
    }
  /** A target's TLB is locked: RIP and RCX stay, the caller sleeps until these VPs unlock, then retries. */
  | { readonly kind: 'suspend'; readonly waitFor: readonly number[]; readonly reason: string }
  /** The host is busy: RIP and RCX stay, the instruction runs again. */
  | { readonly kind: 'retry'; readonly reason: string }
  | { readonly kind: 'fault'; readonly vector: 'UD'; readonly reason: string }
  /** The input cannot be read: a memory intercept goes to the parent partition. */
  | { readonly kind: 'intercept'; readonly gpa: bigint; readonly reason: string }
  /** Not a Hyper-V call: the native ABI of that hypervisor has it. */
  | { readonly kind: 'foreign'; readonly reason: string }
  /** Nothing happens, not even a result. */
  | { readonly kind: 'ignored'; readonly reason: string }

const NOTHING = {
  repsCompleted: 0,
  flush: null,
  awaited: [],
  awaitedLocks: [],
  queue: null,
  ipi: null,
  syntheticExit: false,
} as const

/** Success with what it does. */
export function success(
  reason: string,
  effects: Partial<Omit<CompletePlan, 'kind' | 'result' | 'status' | 'reason'>>,
): CompletePlan {
  const plan = { ...NOTHING, ...effects }
  const result = encodeResultWord({ status: HV_STATUS_SUCCESS, repsCompleted: plan.repsCompleted })
  return { kind: 'complete', status: HV_STATUS_SUCCESS, result, reason, ...plan }
}

/** An error status; `repsCompleted` is the index of the element that failed. */
export function failure(status: number, reason: string, repsCompleted = 0): CompletePlan {
  const result = encodeResultWord({ status, repsCompleted })
  return { kind: 'complete', ...NOTHING, status, result, repsCompleted, reason }
}

/** #UD at the hypercall instruction: RIP stays, nothing else happens. */
export function invalidOpcode(reason: string): HypercallPlan {
  return { kind: 'fault', vector: 'UD', reason }
}

/** One line for people: the outcome in the specification's words. */
export function planSummary(plan: HypercallPlan): string {
  switch (plan.kind) {
    case 'complete':
      return plan.status === HV_STATUS_SUCCESS && plan.repsCompleted > 0
        ? `SUCCESS, ${plan.repsCompleted} reps`
        : statusName(plan.status)
    case 'continue':
      return 'continues'
    case 'suspend':
      return `suspended until VP ${plan.waitFor.join(', ')} unlocks`
    case 'retry':
      return 'retried'
    case 'fault':
      return `#${plan.vector}`
    case 'intercept':
      return 'memory intercept'
    case 'foreign':
      return 'not a Hyper-V call'
    case 'ignored':
      return 'ignored'
  }
}
