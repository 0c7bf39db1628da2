/** Pause-loop exiting: what the host does with a vCPU that has spun for its window while others wait for the pCPU. */
import { Spend } from '../operations.ts'
import { ACCOUNT, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

/** How much longer the window is when nothing has come of an exit. */
const WINDOW_GROWTH = 32

export class SpinExits {
  private readonly parts: Parts
  /** Nanoseconds. */
  private readonly window: number

  constructor(parts: Parts) {
    this.parts = parts
    this.window = parts.host.pleWindow / parts.costs.ghz
  }

  /** A vCPU has begun to spin, or somebody has begun to wait for the pCPU of one that spins. */
  limit(vcpu: Vcpu): void {
    const { agenda } = this.parts
    if (agenda.spinOf(vcpu) === undefined) agenda.setSpin(vcpu, agenda.now + this.window)
  }

  spunTooLong(vcpu: Vcpu): void {
    const { agenda, counts, host, hostScheduling, scheduler } = this.parts
    if (vcpu.state !== STATE.spinning || scheduler.pcpus[vcpu.pcpu]!.queue.length === 0) return
    if (!vcpu.guest.inGuest(vcpu.index)) return
    counts.exits++
    if (host.boost === 'none' || (host.boost !== 'yield' && !this.boostTarget(vcpu))) {
      agenda.setSpin(vcpu, agenda.now + WINDOW_GROWTH * this.window)
      return
    }
    hostScheduling.yieldNow(vcpu)
  }

  /** `kvm_vcpu_on_spin()`: of the own guest's vCPUs that wait to run, one in kernel mode, or with an interrupt to take, goes first. */
  private boostTarget(vcpu: Vcpu): boolean {
    const { agenda, host, random, scheduler } = this.parts
    const { peers } = vcpu
    const first = random.below(peers.length)
    for (let i = 0; i < peers.length; i++) {
      const other = peers[(first + i) % peers.length]!
      if (other.state !== STATE.queued) continue
      const wanted = host.boost === 'ipi-targets' ? other.pending : inKernel(other)
      if (!wanted) continue
      scheduler.boost(other)
      const pcpu = scheduler.pcpus[other.pcpu]!
      const { current } = pcpu
      if (current === undefined || current === vcpu || current.guest === vcpu.guest) continue
      agenda.setSlice(pcpu, agenda.now)
      return true
    }
    return false
  }
}

/** The vCPU was taken off its pCPU in kernel mode: the operation of the guest's that was interrupted is no user code. */
function inKernel(vcpu: Vcpu): boolean {
  const interrupted = vcpu.stack.findLast(
    (frame) => !frame.handler && frame.operation !== undefined,
  )?.operation
  const timing = interrupted?.timing
  return !(timing instanceof Spend && timing.account === ACCOUNT.user)
}
