/** How an IPI gets from one CPU to another: what the sender does, how long it is under way, what the target pays. */
import type { Operation } from '../core/operation.ts'
import type { Costs } from './cost-model.ts'
import type { HostDescription } from './host.ts'
import { idleExit } from './idle-states.ts'
import type { Scheduler } from './scheduler.ts'
import { STATE, type Vcpu } from './vcpu.ts'

/** vCPUs that one ICR write of x2APIC cluster mode reaches. */
const CLUSTER = 16
/** vCPUs that one hypercall of the PV IPI reaches. */
const PV_IPI = 128

export class Delivery {
  private readonly host: HostDescription
  private readonly costs: Costs
  private readonly scheduler: Scheduler
  /** Until the last target's interrupt is on its way; the sender's own entry into the guest comes after that. */
  private sendTime = 0

  constructor(host: HostDescription, costs: Costs, scheduler: Scheduler) {
    this.host = host
    this.costs = costs
    this.scheduler = scheduler
  }

  /** What sending costs the sender: ICR writes, exits, and the host's work for each target. */
  send(vcpu: Vcpu, operation: Operation<unknown>): { readonly busy: number; readonly exits: number } {
    const targets = operation.footprint().writes?.length ?? 1
    const sent = this.cost(vcpu, operation, targets)
    this.sendTime = sent.exits > 0 ? sent.busy - this.costs.exit / 2 : sent.busy
    return sent
  }

  private cost(vcpu: Vcpu, operation: Operation<unknown>, targets: number) {
    const { costs, host } = this
    if (!host.virtual || operation.host === true || !vcpu.guest.inGuest(vcpu.index)) {
      // Bare metal, or the host itself: one ICR write for each CPU, or for each cluster.
      const writes = host.apic === 'x2apic-cluster' ? Math.ceil(targets / CLUSTER) : targets
      return { busy: costs.icr * writes, exits: 0 }
    }
    const further = costs.hostPerTarget * (targets - 1)
    if (host.pvIpi && targets > 1) {
      const calls = Math.ceil(targets / PV_IPI)
      return { busy: costs.exit * calls + further, exits: calls }
    }
    if (host.ipiVirtualization) return { busy: costs.icr * targets, exits: 0 }
    const writes = host.apic === 'x2apic-cluster' ? Math.ceil(targets / CLUSTER) : targets
    const served = host.apic === 'xapic' ? costs.icrExitXapic : costs.icrExit
    const work = host.apic === 'x2apic-cluster' ? further : 0
    return { busy: (costs.exit + served) * writes + work, exits: writes }
  }

  /** Nanoseconds from the begin of sending until the target can take it; the k-th target waits for those before. */
  latency(from: Vcpu, to: Vcpu, operation: Operation<unknown>, k: number, now: number): number {
    const targets = operation.kind === 'ipi' ? (operation.footprint().writes?.length ?? 1) : 1
    const sent = operation.kind === 'ipi' ? (this.sendTime * (k + 1)) / targets : 0
    const { pcpus } = this.scheduler
    const far = pcpus[from.pcpu]?.socket !== pcpus[to.pcpu]?.socket
    const wire = far ? this.costs.deliveryFar : this.costs.delivery
    const pcpu = pcpus[to.pcpu]
    // Who wakes pays `wake` before it runs; for a host vector nobody runs, but its pCPU has to wake all the same.
    if (to.state === STATE.halted) {
      if (operation.host !== true || pcpu === undefined || pcpu.current !== undefined) return sent + wire
      const { costs, host } = this
      return sent + wire + costs.wake + idleExit(now - pcpu.leftAt, costs, host.idleStates)
    }
    if (!this.host.virtual || operation.host === true) return sent + wire
    return sent + (this.host.postedInterrupts ? this.costs.posted - this.costs.icr : wire)
  }

  /** What taking the interrupt costs a guest beyond the handler: an exit and an entry where it is injected by software. */
  entry(): number {
    return this.host.virtual && !this.host.postedInterrupts ? this.costs.exit : 0
  }
}
