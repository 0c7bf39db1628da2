/** RCU callbacks of all guests: queued, and run as softirqs when their grace period is over. */
import { GracePeriods } from '../grace-periods.ts'
import type { CallRcu } from '../operations.ts'
import { STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

export class Callbacks {
  readonly graces: readonly GracePeriods[]
  private readonly parts: Parts
  /** CPUs of each guest. */
  private readonly cpus: readonly (readonly Vcpu[])[]

  constructor(parts: Parts) {
    this.parts = parts
    this.graces = parts.guests.map(() => new GracePeriods())
    this.cpus = parts.guests.map((_, guest) => parts.vcpus.filter((vcpu) => vcpu.guestNumber === guest))
  }

  queue(vcpu: Vcpu, operation: CallRcu): void {
    const { agenda } = this.parts
    const guest = vcpu.guestNumber
    const { cpus } = vcpu.guest
    const due = this.graces[guest]!.queue(operation, vcpu.index, agenda.now, cpus, this.length())
    if (due !== undefined) agenda.setPeriod(guest, due)
  }

  /** The grace period of a guest may be over. */
  periodDue(guest: number): void {
    const { agenda, costs, guests, interrupts } = this.parts
    const { cpus } = guests[guest]!
    const own = this.cpus[guest]!
    const quiescent = (cpu: number) =>
      own[cpu]!.state === STATE.finished || own[cpu]!.halt !== undefined || guests[guest]!.quiescent(cpu)
    const period = this.graces[guest]!
    const { again, ready } = period.due(agenda.now, cpus, this.length(), costs.rcuCallback, quiescent)
    if (again !== undefined) agenda.setPeriod(guest, again)
    for (const [cpu, task] of ready) {
      const vcpu = own[cpu]!
      vcpu.softirqs.push(task)
      interrupts.notice(vcpu)
    }
  }

  private length(): number {
    return this.parts.random.near(this.parts.costs.gracePeriod, 0.25)
  }
}
