import type { CallName, ResultWord } from '../abi/index.ts'
import { type FlushMulti, type HypervFlushMulti, MAX_CPUS, type Where } from './events.ts'

/** Which vCPUs a hypercall named. The event of an Ex call tells its banks but not its CPUs. */
export type Targets =
  | { readonly form: 'all processors' }
  | { readonly form: 'mask'; readonly mask: bigint }
  | { readonly form: 'banks'; readonly validBankMask: bigint; readonly format: bigint }

/** A flush hypercall as the host saw it. */
export interface FlushCall {
  readonly at: Where
  /** On the guest's clock, as all times here. */
  readonly time: number
  readonly call: CallName
  readonly code: number
  readonly fast: boolean
  /** List entries; 0 for a flush of the space. */
  readonly repCount: number
  /** Banks of an Ex call. */
  readonly variableHeaderSize: number
  addressSpace?: bigint
  flags?: bigint
  targets?: Targets
  /** The request to the vCPUs: word 0 of the mask that KVM made of the input, or everybody. */
  request?: { readonly at: Where; readonly time: number; readonly mask: bigint | 'all' }
  done?: { readonly at: Where; readonly time: number; readonly result: ResultWord }
}

/**
 * What one vCPU did about a flush: its first run that began after the hypercall did. A run serves all flushes
 * ordered until then. Between the hypercall's begin and its request the recording does not tell whether a run
 * already found the order; `start < call.request.time` marks those.
 */
export interface VcpuRun {
  readonly vcpu: number
  readonly start: number
  /** Infinity while it lasts, and where the recording ends in it. */
  end: number
  /** `list`: the addresses asked for; `whole TLB`: the list had overflowed, or everything was asked for. */
  did: 'list' | 'whole TLB' | 'unknown'
  /** Flushes that this run served. */
  orders: number
}

/** A guest's flush with its hypercall and with what each target did. */
export interface PairedFlush {
  readonly guest: { readonly event: HypervFlushMulti; readonly info?: FlushMulti }
  call?: FlushCall
  /** The guest's return from the backend, where a probe recorded it. */
  returned?: Where
  /** Runs of the targets, by vCPU; undefined while a target has not flushed. */
  readonly runs: Map<number, VcpuRun | undefined>
}

/** Whether the flush on `vcpu` ended only after the hypercall had returned to the guest. */
export function afterReturn(flush: PairedFlush, vcpu: number): boolean | undefined {
  const run = flush.runs.get(vcpu)
  const done = flush.call?.done
  return run === undefined || done === undefined ? undefined : run.end > done.time
}

/** The vCPU of KVM's thread `CPU n/KVM`. */
export function vcpuOfThread(comm: string): number | undefined {
  const match = /^CPU (\d{1,4})\/KVM$/.exec(comm)
  const vcpu = Number(match?.[1])
  return vcpu < MAX_CPUS ? vcpu : undefined
}
