import { callShape, decodeResultWord, HV_FLUSH_ALL_PROCESSORS } from '../abi/index.ts'
import type { FlushMulti, KvmHvFlushTlb, KvmHvFlushTlbEx, KvmHvHypercall, TraceEvent } from './events.ts'
import { type FlushCall, type PairedFlush, type Targets, type VcpuRun, vcpuOfThread } from './pair.ts'

interface Vcpu {
  /** The guest's flush that has not met its hypercall. */
  pending: PairedFlush | undefined
  info: FlushMulti | undefined
  /** The flush whose hypercall is under way, or was the last. */
  calling: PairedFlush | undefined
  /** The hypercall under way, whatever it is. */
  call: FlushCall | undefined
  /** Flushes ordered of this vCPU and not begun. */
  readonly orders: PairedFlush[]
  lastRun: VcpuRun | undefined
}

/**
 * Pairs the flushes of a Hyper-V guest with the hypercalls that KVM, below it, sees, by vCPU and order:
 *
 *     guest CPU n                        host thread CPU n/KVM           thread of a target
 *     hv_multi
 *     hyperv_mmu_flush_tlb_multi
 *                                        kvm_hv_hypercall
 *                                        kvm_hv_flush_tlb[_ex]
 *                                        reqmask or reqall
 *                                        kvm_hv_hypercall_done
 *     hv_multi_ret                       vflush, vflush_ret              vflush, vflush_ret
 *
 * What the numbers of a call mean is decoded by `abi/`.
 */
export class FlushPairing {
  readonly flushes: PairedFlush[] = []
  /** Flush hypercalls that no flush of the guest explains, while the guest was being recorded. */
  readonly unexplained: FlushCall[] = []
  /** Flush hypercalls before the guest's first event and after its last. */
  outside = 0
  /** KVM's own interface: flushes that a preempted vCPU owed and did at entry, while the guest was recorded. */
  deferred = 0
  #guestBegan = false
  #deferredSinceGuest = 0
  #sinceGuest: FlushCall[] = []
  runs = 0
  wholeTlbRuns = 0
  readonly #vcpus: Vcpu[] = []
  readonly #vcpuCount: number
  readonly #threads = new Map<string, number | undefined>()

  /** @param vcpuCount the guest's vCPUs, for hypercalls to all processors */
  constructor(vcpuCount: number) {
    this.#vcpuCount = vcpuCount
  }

  guest(event: TraceEvent): void {
    this.#guestBegan = true
    if (this.#sinceGuest.length > 0) this.unexplained.push(...this.#sinceGuest.splice(0))
    this.deferred += this.#deferredSinceGuest
    this.#deferredSinceGuest = 0
    const vcpu = this.#vcpu(event.at.cpu)
    switch (event.kind) {
      case 'hv_multi':
        vcpu.info = event
        break
      case 'hyperv_mmu_flush_tlb_multi': {
        const flush: PairedFlush = {
          guest: { event, ...(vcpu.info && { info: vcpu.info }) },
          runs: new Map(),
        }
        vcpu.info = undefined
        vcpu.pending = flush
        this.flushes.push(flush)
        break
      }
      case 'hv_multi_ret':
        if (vcpu.calling !== undefined) vcpu.calling.returned = event.at
        break
      default:
    }
  }

  host(event: TraceEvent, time: number): void {
    const number = this.vcpuOf(event)
    if (number === undefined) return
    const vcpu = this.#vcpu(number)
    switch (event.kind) {
      case 'kvm_hv_hypercall':
        this.#begin(event, time, vcpu)
        break
      case 'kvm_hv_flush_tlb':
      case 'kvm_hv_flush_tlb_ex':
        this.#order(event, vcpu)
        break
      case 'reqall':
        if (vcpu.call !== undefined) vcpu.call.request = { at: event.at, time, mask: 'all' }
        break
      case 'reqmask':
        if (vcpu.call !== undefined) vcpu.call.request = { at: event.at, time, mask: event.mask }
        break
      case 'kvm_hv_hypercall_done':
        if (vcpu.call !== undefined) {
          vcpu.call.done = { at: event.at, time, result: decodeResultWord(event.result) }
        }
        vcpu.call = undefined
        break
      case 'kvm_pv_tlb_flush':
        if (event.needFlush && this.#guestBegan) this.#deferredSinceGuest++
        break
      case 'vflush':
        this.#startRun(vcpu, number, time)
        break
      case 'vflush_ret':
        if (vcpu.lastRun === undefined) break
        vcpu.lastRun.end = time
        vcpu.lastRun.did = event.ret === 0 ? 'list' : 'whole TLB'
        if (event.ret !== 0) this.wholeTlbRuns++
        break
      default:
    }
  }

  /** Both recordings have ended. */
  finish(): void {
    this.outside += this.#sinceGuest.length
    this.#sinceGuest = []
  }

  /** The flush hypercall that a vCPU is in, with the guest's flush that made it. */
  current(number: number): { readonly call: FlushCall; readonly flush: PairedFlush | undefined } | undefined {
    const { call, calling } = this.#vcpu(number)
    return call === undefined ? undefined : { call, flush: calling }
  }

  #vcpu(number: number): Vcpu {
    for (let i = this.#vcpus.length; i <= number; i++) {
      this.#vcpus.push({
        pending: undefined,
        info: undefined,
        calling: undefined,
        call: undefined,
        orders: [],
        lastRun: undefined,
      })
    }
    return this.#vcpus[number]!
  }

  /** The vCPU whose thread the host's event is of. */
  vcpuOf({ at: { comm } }: TraceEvent): number | undefined {
    if (!this.#threads.has(comm)) {
      if (this.#threads.size > 10_000) this.#threads.clear()
      this.#threads.set(comm, vcpuOfThread(comm))
    }
    return this.#threads.get(comm)
  }

  #begin(event: KvmHvHypercall, time: number, vcpu: Vcpu): void {
    vcpu.call = undefined
    vcpu.calling = undefined
    const shape = callShape(event.code)
    if (shape === undefined || !['space', 'list', 'space-ex', 'list-ex'].includes(shape.name)) return
    const call: FlushCall = {
      at: event.at,
      time,
      call: shape.name,
      code: shape.code,
      fast: event.fast,
      repCount: event.repCnt,
      variableHeaderSize: event.varCnt,
    }
    vcpu.call = call
    const flush = vcpu.pending
    if (flush !== undefined) flush.call = call
    else if (this.#guestBegan) this.#sinceGuest.push(call)
    else this.outside++
    vcpu.calling = flush
    vcpu.pending = undefined
  }

  /** The input of the call is known: its targets owe a flush, unless one has begun since the call did. */
  #order(event: KvmHvFlushTlb | KvmHvFlushTlbEx, vcpu: Vcpu): void {
    const { call, calling } = vcpu
    if (call === undefined) return
    call.addressSpace = event.addressSpace
    call.flags = event.flags
    call.targets = targetsOf(event)
    if (calling === undefined) return
    for (const number of this.#targets(call.targets)) {
      const target = this.#vcpu(number)
      const served = target.lastRun !== undefined && target.lastRun.start >= call.time
      calling.runs.set(number, served ? target.lastRun : undefined)
      if (!served) target.orders.push(calling)
      else if (target.lastRun !== undefined) target.lastRun.orders++
    }
  }

  #targets(targets: Targets): readonly number[] {
    if (targets.form === 'banks') return []
    const all = Array.from({ length: this.#vcpuCount }, (_, vcpu) => vcpu)
    if (targets.form === 'all processors') return all
    return all.filter((vcpu) => ((targets.mask >> BigInt(vcpu)) & 1n) === 1n)
  }

  #startRun(vcpu: Vcpu, number: number, time: number): void {
    this.runs++
    const run: VcpuRun = {
      vcpu: number,
      start: time,
      end: Number.POSITIVE_INFINITY,
      did: 'unknown',
      orders: vcpu.orders.length,
    }
    for (const flush of vcpu.orders) flush.runs.set(number, run)
    vcpu.orders.length = 0
    vcpu.lastRun = run
  }
}

function targetsOf(event: KvmHvFlushTlb | KvmHvFlushTlbEx): Targets {
  if ((event.flags & HV_FLUSH_ALL_PROCESSORS) !== 0n) return { form: 'all processors' }
  if (event.kind === 'kvm_hv_flush_tlb') return { form: 'mask', mask: event.processorMask }
  return { form: 'banks', validBankMask: event.validBankMask, format: event.format }
}
