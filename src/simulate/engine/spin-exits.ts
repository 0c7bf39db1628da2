/**
 * vCPUs that spin: pause-loop exiting and directed yields of the host (`kvm_vcpu_on_spin`), and PV spinlocks of the guest,
 * which halt.
 */
import type { Operation } from '../../core/operation.ts'
import { isUserCode } from '../operations.ts'
import type { Pcpu } from '../scheduler.ts'
import { STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

/** The window doubles with each exit, as `ple_window_grow` has it, up to so many of the first. */
const LARGEST_WINDOW = 1024
/** Nanoseconds that a PV spinlock spins before it halts: 32768 turns with a PAUSE of 140 cycles at 2.5 GHz (assumption). */
const SPIN_THRESHOLD = 1.8e6
/** Nanoseconds between two looks at who waits before: every 256 turns. */
const EARLY_CHECK = 14_000
/** Candidates that `yield_to()` may refuse before the host gives up. */
const TRIES = 3

export class SpinExits {
  private readonly parts: Parts
  /** Nanoseconds. */
  private readonly window: number
  /** `last_boosted_vcpu` of each guest. */
  private readonly lastBoosted: number[]

  constructor(parts: Parts) {
    this.parts = parts
    this.window = parts.host.pleWindow / parts.costs.ghz
    this.lastBoosted = parts.guests.map(() => 0)
  }

  /** Whether a vCPU that waits for this will sleep: a PV spinlock. */
  sleepsFor(vcpu: Vcpu, operation: Operation<unknown>): boolean {
    return this.parts.host.locks !== 'native' && operation.kind === 'lock' && vcpu.guest.inGuest(vcpu.index)
  }

  /** A vCPU has begun to spin, or somebody has begun to wait for the pCPU of one that spins. */
  limit(vcpu: Vcpu): void {
    const { agenda } = this.parts
    if (agenda.spinOf(vcpu) !== undefined) return
    if (vcpu.window === 0) vcpu.window = this.window > 0 ? this.window : EARLY_CHECK
    const waits = vcpu.top?.operation
    const limit = waits !== undefined && this.sleepsFor(vcpu, waits) ? EARLY_CHECK : vcpu.window
    agenda.setSpin(vcpu, agenda.now + Math.min(limit, vcpu.window))
  }

  spunTooLong(vcpu: Vcpu): void {
    const { counts, execution, host, hostScheduling, scheduler, sleep } = this.parts
    const operation = vcpu.top?.operation
    if (vcpu.state !== STATE.spinning || operation === undefined || !vcpu.guest.inGuest(vcpu.index)) return
    if (this.sleepsFor(vcpu, operation) && this.givesUp(vcpu)) {
      execution.suspend(vcpu)
      sleep.goToSleep(vcpu, operation)
      return
    }
    const pcpu = scheduler.pcpus[vcpu.pcpu]!
    if (pcpu.queue.length === 0 || host.pleWindow === 0) {
      if (this.sleepsFor(vcpu, operation)) this.limit(vcpu)
      return
    }
    counts.exits++
    vcpu.window = Math.min(2 * vcpu.window, LARGEST_WINDOW * this.window)
    vcpu.spun = true
    const yields = host.boost === 'yield' || (host.boost !== 'none' && this.yieldToAnother(vcpu))
    vcpu.spun = yields
    if (!yields) {
      this.limit(vcpu)
      return
    }
    pcpu.yielding = vcpu
    hostScheduling.yieldNow(vcpu)
  }

  /** `pv_wait_early()`, and the threshold of everybody. */
  private givesUp(vcpu: Vcpu): boolean {
    const { agenda, host } = this.parts
    if (agenda.now - vcpu.since >= SPIN_THRESHOLD) return true
    if (host.locks !== 'pv-early') return false
    const cell = vcpu.watching[0]
    const before = cell === undefined ? undefined : vcpu.watchers.get(cell)?.before(vcpu)
    return before !== undefined && (before.state !== STATE.spinning || !before.watching.includes(cell!))
  }

  /** `KVM_HC_KICK_CPU`: an exit of who releases the lock. */
  kick(by: Vcpu): void {
    const { costs, counts } = this.parts
    counts.exits++
    by.overhead += costs.exit
  }

  /**
   * `kvm_vcpu_on_spin()`: round the own guest's vCPUs, from the one that was last yielded to. One is taken that could run and
   * does not: preempted in kernel mode, and not in a pause loop itself (or only every second time); since d73eb57b80b also one
   * that has been woken, by an IPI or a kick.
   */
  private yieldToAnother(vcpu: Vcpu): boolean {
    const { costs, host, scheduler } = this.parts
    const { peers, guestNumber } = vcpu
    const first = this.lastBoosted[guestNumber]! + 1
    let tries = TRIES
    for (let i = 0; i < peers.length && tries > 0; i++) {
      const other = peers[(first + i) % peers.length]!
      if (other === vcpu || other.state !== STATE.queued) continue
      if (host.boost === 'in-kernel' && !other.preempted) continue
      if (other.preempted && !inKernel(other)) continue
      if (!eligible(other)) continue
      if (scheduler.pcpus[vcpu.pcpu]!.queue.length === 0 && scheduler.pcpus[other.pcpu]!.queue.length === 0) {
        tries--
        continue
      }
      this.lastBoosted[guestNumber] = other.index
      // A line of each that was looked at, and the runqueue of the one that was chosen.
      scheduler.pcpus[vcpu.pcpu]!.owed += (i + 1) * costs.line + costs.hostVcpu
      this.favour(other, vcpu)
      return true
    }
    return false
  }

  /**
   * `kvm_smp_send_call_func_ipi()` with `KVM_HC_SCHED_YIELD`: the first target of an IPI that is preempted is to run next, and the
   * sender's pCPU goes to somebody else where one waits for it.
   */
  yieldToTarget(vcpu: Vcpu, operation: Operation<unknown>): void {
    const { costs, counts, host, scheduler } = this.parts
    const { guest, peers } = vcpu
    if (!host.virtual || operation.host === true || vcpu.agent || !guest.inGuest(vcpu.index)) return
    const targets = (operation.footprint().writes ?? []).flatMap((cell) => guest.raised(cell))
    const other = targets
      .map((process) => peers[process]!)
      .find(({ state, preempted }) => {
        return state === STATE.queued && preempted
      })
    if (other === undefined) return
    const pcpu = scheduler.pcpus[vcpu.pcpu]!
    counts.exits++
    this.favour(other, vcpu)
    if (pcpu.queue.length === 0) {
      vcpu.overhead += costs.exit + costs.hostVcpu
      return
    }
    pcpu.owed += costs.hostVcpu
    pcpu.yielding = vcpu
    vcpu.mustYield = true
  }

  private favour(other: Vcpu, yielder: Vcpu): void {
    const { agenda, costs, scheduler } = this.parts
    const pcpu: Pcpu | undefined = scheduler.favour(other, agenda.now)
    if (pcpu?.current === undefined || pcpu.current === yielder) return
    pcpu.mustChoose = true
    agenda.setSlice(pcpu, agenda.now + costs.delivery)
  }
}

/** `kvm_vcpu_eligible_for_directed_yield()`. */
function eligible(vcpu: Vcpu): boolean {
  const allowed = !vcpu.spun || vcpu.eligible
  if (vcpu.spun) vcpu.eligible = !vcpu.eligible
  return allowed
}

/** The vCPU was taken off its pCPU in kernel mode: the operation of the guest's that was interrupted is no user code. */
function inKernel(vcpu: Vcpu): boolean {
  const interrupted = vcpu.innermost((frame) => !frame.handler && frame.operation !== undefined)
  return !isUserCode(interrupted?.operation)
}
