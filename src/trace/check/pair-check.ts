import { type FlushInput, HV_FLUSH_ALL_PROCESSORS, HV_MAX_SPARSE_BANKS } from '../../abi/index.ts'
import type { TraceEvent } from '../events.ts'
import type { FlushCall, PairedFlush } from '../pair.ts'
import type { PairSink } from '../pair-clock.ts'
import { FlushPairing } from '../pair-tracker.ts'
import { CallChecks } from './call-check.ts'
import { Checker } from './checker.ts'
import type { CheckedMachine } from './flush-check.ts'
import { HostReplay, type Order } from './host-replay.ts'
import { hypervKernelOf } from './kernel-rules.ts'

/** No input page holds more list entries; a larger count is damage. */
const MOST_ENTRIES = 509

/** A machine whose host was recorded too. */
export interface CheckedPair extends CheckedMachine {
  readonly vcpus: number
  /** The guest's kernel as the sidecar has it. */
  readonly kernel: string
}

/** A flush of the guest with its hypercall and the orders that the call made. */
export interface CheckedFlush {
  readonly flush: PairedFlush
  readonly order: Order | undefined
}

/** Checks a guest's recording together with its host's: what was asked, and what came of it. */
export class PairChecker implements PairSink {
  readonly checker: Checker
  readonly pairing: FlushPairing
  readonly hostReplay: HostReplay
  readonly flushes = new Map<PairedFlush, CheckedFlush>()
  readonly #calls: CallChecks
  #guestLine = 0

  constructor(machine: CheckedPair) {
    this.checker = new Checker(machine)
    this.pairing = new FlushPairing(machine.vcpus)
    this.hostReplay = new HostReplay(machine.vcpus, this.checker.findings)
    const kernel = hypervKernelOf(machine.kernel)
    this.#calls = new CallChecks(kernel, machine.vcpus, this.checker.replay, this.checker.findings)
  }

  guest(event: TraceEvent): void {
    this.#guestLine = event.at.line
    this.checker.add(event)
    this.pairing.guest(event)
  }

  host(event: TraceEvent, time: number): void {
    this.pairing.host(event, time)
    const vcpu = this.pairing.vcpuOf(event)
    if (vcpu === undefined) return
    switch (event.kind) {
      case 'reqall':
      case 'reqmask':
        this.#requested(vcpu)
        break
      case 'vflush':
        this.hostReplay.begin(vcpu, event.at.line, time)
        break
      case 'vflush_ret':
        this.hostReplay.end(vcpu, event.at.line, time, event.ret)
        break
      default:
    }
  }

  finish(): void {
    this.checker.finish()
    this.pairing.finish()
    this.hostReplay.finish()
    const { findings } = this.checker
    for (const flush of this.pairing.flushes) {
      if (flush.call === undefined || !this.flushes.has(flush)) findings.unchecked('hypercall')
    }
  }

  /** The input of the call is known, and KVM tells the vCPUs. */
  #requested(vcpu: number): void {
    const current = this.pairing.current(vcpu)
    if (current?.call.targets === undefined) return
    const { call, flush } = current
    if (call.repCount > MOST_ENTRIES || call.variableHeaderSize > HV_MAX_SPARSE_BANKS) return
    if (flush === undefined) {
      this.hostReplay.order(vcpu, call, bareInput(call))
      return
    }
    if (this.flushes.has(flush)) return
    const plan = this.#calls.check(flush, call, this.#guestLine)
    const input = plan.kind === 'call' ? plan.input : bareInput(call)
    this.flushes.set(flush, { flush, order: this.hostReplay.order(vcpu, call, input) })
  }
}

/** The input of a call that no flush of the recording made: its list is not known, its length is. */
function bareInput(call: FlushCall): FlushInput {
  const { targets, request } = call
  const gvaList = Array.from({ length: call.repCount }, () => 0n)
  const word = (value: bigint | undefined) => BigInt.asUintN(64, value ?? 0n)
  const common = { addressSpace: word(call.addressSpace), flags: word(call.flags) }
  if (targets?.form === 'banks') {
    const first = typeof request?.mask === 'bigint' ? word(request.mask) : (1n << 64n) - 1n
    const count = call.variableHeaderSize
    const banks = Array.from({ length: count }, (_, bank) => (bank === 0 ? first : (1n << 64n) - 1n))
    const vpSet = { format: word(targets.format), validBankMask: word(targets.validBankMask), banks }
    return call.repCount > 0
      ? { call: 'list-ex', ...common, vpSet, gvaList }
      : { call: 'space-ex', ...common, vpSet }
  }
  const everybody = targets?.form === 'all processors' ? HV_FLUSH_ALL_PROCESSORS : 0n
  const processorMask = targets?.form === 'mask' ? word(targets.mask) : 0n
  const flags = common.flags | everybody
  return call.repCount > 0
    ? { call: 'list', ...common, flags, processorMask, gvaList }
    : { call: 'space', ...common, flags, processorMask }
}
