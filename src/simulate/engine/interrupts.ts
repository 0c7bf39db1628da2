/** Interrupts: on their way, taken between two operations or in the middle of one, or by the host for a vCPU that does not run. */
import { WAIT_TO_RUN, WAIT_TO_RUN_OR_VECTOR } from '../../machine/host.ts'
import { isUserCode } from '../operations.ts'
import { ACCOUNT, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

export class Interrupts {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** A source of a vCPU has been raised by somebody else, and arrives after a while. */
  raise(vcpu: Vcpu, latency: number): void {
    const { agenda } = this.parts
    if (vcpu.agent) {
      vcpu.pending = true
      vcpu.state = STATE.running
      agenda.setStep(vcpu, agenda.now)
      return
    }
    agenda.setArrival(vcpu, agenda.now + latency)
  }

  arrive(vcpu: Vcpu): void {
    const { agenda, scheduler } = this.parts
    const pcpu = scheduler.pcpus[vcpu.pcpu]!
    if (pcpu.current === vcpu && agenda.now < pcpu.entered) {
      // The host is still switching to it.
      agenda.setArrival(vcpu, pcpu.entered)
      return
    }
    vcpu.pending = true
    const off = vcpu.state === STATE.halted || vcpu.state === STATE.queued
    if (off && vcpu.top?.operation === WAIT_TO_RUN_OR_VECTOR && this.hostVector(vcpu)) this.serveOff(vcpu)
    else this.notice(vcpu)
  }

  /** Something waits to be taken by a vCPU: it is woken, or interrupted if it takes interrupts now. */
  notice(vcpu: Vcpu): void {
    // Who sleeps for a spinlock with interrupts off is not woken by one.
    if (vcpu.state === STATE.halted && vcpu.halt?.kind === 'lock' && !vcpu.guest.interruptsOn(vcpu.index))
      return
    if (vcpu.state === STATE.halted || (vcpu.state === STATE.finished && this.deliverable(vcpu) >= 0))
      this.parts.sleep.wake(vcpu)
    else if (vcpu.state === STATE.running || vcpu.state === STATE.spinning) this.interruptNow(vcpu)
  }

  private hostVector(vcpu: Vcpu): boolean {
    const { memory } = vcpu.guest
    return vcpu.sources.some(
      (source, i) => i !== vcpu.preemption && source.host === true && source.ready(memory),
    )
  }

  /** The host takes a vector for a vCPU that is off its pCPU: its code goes on to the next place where it waits to run. */
  private serveOff(vcpu: Vcpu): void {
    const { agenda, execution } = this.parts
    vcpu.pending = false
    // It is the pCPU's time, and not the vCPU's.
    const { since } = vcpu
    const spent = vcpu.spent.slice()
    vcpu.since = agenda.now
    do {
      const frame = vcpu.top!
      execution.attempt(vcpu, frame, frame.operation!)
    } while (vcpu.top?.operation !== WAIT_TO_RUN_OR_VECTOR)
    vcpu.since = since
    vcpu.spent.set(spent)
  }

  /** Interrupts the operation under way if a source can be delivered. */
  private interruptNow(vcpu: Vcpu): void {
    const { execution } = this.parts
    const source = this.deliverable(vcpu)
    if (source < 0 && !(vcpu.softirqs.length > 0 && this.takesSoftirqs(vcpu))) {
      // A host that spins with interrupts on takes its vectors in the wait itself: its guard looks at them.
      this.parts.waits.look(vcpu)
      return
    }
    execution.suspend(vcpu)
    execution.begin(vcpu, 0)
  }

  /** Number of the first source that can be delivered now; -1 for none. */
  private deliverable(vcpu: Vcpu): number {
    const { memory } = vcpu.guest
    let ready = false
    memory.acting = vcpu.index
    for (let i = 0; i < vcpu.sources.length; i++) {
      const source = vcpu.sources[i]!
      if (i === vcpu.preemption || !source.ready(memory)) continue
      ready = true
      if (!source.masked(memory)) return i
    }
    vcpu.pending = ready
    return -1
  }

  private takesSoftirqs(vcpu: Vcpu): boolean {
    return vcpu.guest.interruptsOn(vcpu.index) && vcpu.guest.inGuest(vcpu.index) && vcpu.top?.handler !== true
  }

  /** Delivers what can be delivered between two operations; gives what the entry costs. */
  deliver(vcpu: Vcpu): number {
    const chosen = vcpu.pending ? this.deliverable(vcpu) : -1
    if (chosen >= 0) return this.enter(vcpu, chosen)
    if (vcpu.softirqs.length === 0 || !this.takesSoftirqs(vcpu)) return 0
    this.parts.execution.push(vcpu, vcpu.softirqs.shift()!, true)
    return 0
  }

  private enter(vcpu: Vcpu, number: number): number {
    const { agenda, costs, counts, effects, execution, host, timeline } = this.parts
    // With PTI, the kernel's page tables have to be loaded, and the user's again.
    const isolated = host.pti && isUserCode(vcpu.top?.operation)
    const source = vcpu.sources[number]!
    const { memory } = vcpu.guest
    const irqsOn = vcpu.guest.interruptsOn(vcpu.index)
    const raw = source.enter(memory)
    if (memory.touchedCount > 0) effects.changed(vcpu, WAIT_TO_RUN)
    const { fn, args } = source.frame(raw)
    execution.push(vcpu, fn(...args), true)
    if (source.host === true) {
      counts.exits++
      timeline?.arrow(vcpu, agenda.now, source.name, 'host')
      vcpu.chargeAhead(ACCOUNT.exits, agenda.now, costs.exit / 2)
      return costs.exit / 2
    }
    counts.interrupts++
    if (irqsOn && vcpu.irqsOffSince < 0) vcpu.irqsOffSince = agenda.now
    const cost = costs.interrupt + effects.delivery.entry() + (isolated ? 2 * costs.cr3 : 0)
    vcpu.chargeAhead(ACCOUNT.interrupts, agenda.now, cost)
    timeline?.arrow(vcpu, agenda.now, source.name, 'guest')
    return cost
  }
}
