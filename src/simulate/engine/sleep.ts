/** vCPUs that give their pCPU up by themselves: HLT, and the host's code where it waits until its vCPU runs again. */
import type { Operation } from '../../core/operation.ts'
import { WAIT_TO_RUN, WAIT_TO_RUN_OR_VECTOR } from '../../machine/host.ts'
import { ACCOUNT, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

/** The host's code stands where it waits until its vCPU runs again. */
export function waitsToRun(operation: Operation<unknown> | undefined): boolean {
  return operation === WAIT_TO_RUN || operation === WAIT_TO_RUN_OR_VECTOR
}

export class Sleep {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** At `WAIT_TO_RUN`: whether the vCPU has been chosen to run again; otherwise it leaves its pCPU now. */
  chosen(vcpu: Vcpu): boolean {
    const frame = vcpu.top!
    if (frame.remaining === 0) return true
    if (vcpu.halt !== undefined) {
      this.leave(vcpu)
      // What it sleeps for may have come in the meantime.
      const heeds = vcpu.halt.kind !== 'lock' || vcpu.guest.interruptsOn(vcpu.index)
      if (
        (heeds && vcpu.pending) ||
        vcpu.softirqs.length > 0 ||
        vcpu.halt?.guard?.(vcpu.guest.memory) === true
      )
        this.wake(vcpu)
    } else {
      this.parts.hostScheduling.deschedule(vcpu)
    }
    return false
  }

  goToSleep(vcpu: Vcpu, halt: Operation<unknown>): void {
    const { costs, execution, host, hostScheduling, waits } = this.parts
    if (vcpu.state !== STATE.running) return
    vcpu.halt = halt
    waits.watch(vcpu, halt)
    if (host.virtual && vcpu.preemption >= 0 && vcpu.guest.inGuest(vcpu.index)) {
      hostScheduling.preempt(vcpu)
      execution.begin(vcpu, costs.exit / 2)
      return
    }
    this.leave(vcpu)
  }

  private leave(vcpu: Vcpu): void {
    vcpu.state = STATE.halted
    vcpu.cutAt(this.parts.agenda.now)
    this.parts.hostScheduling.release(vcpu)
  }

  /** A vCPU that sleeps, or whose process has ended and that takes interrupts still, wants to run. */
  wake(vcpu: Vcpu): void {
    if (vcpu.state !== STATE.halted && vcpu.state !== STATE.finished) return
    const { agenda, costs, execution, hostScheduling, waits } = this.parts
    vcpu.account(agenda.now, ACCOUNT.idle)
    const frameOfLock =
      vcpu.halt?.kind === 'lock' ? vcpu.innermost(({ operation }) => operation === vcpu.halt) : undefined
    if (frameOfLock !== undefined) waits.keepPlace(vcpu, frameOfLock)
    waits.unwatch(vcpu)
    vcpu.halt = undefined
    if (vcpu.agent) {
      vcpu.state = STATE.running
      execution.begin(vcpu, 0)
      return
    }
    const frame = vcpu.top
    if (waitsToRun(frame?.operation)) frame!.remaining = -1
    vcpu.delay = costs.wake
    hostScheduling.enqueue(vcpu)
  }
}
