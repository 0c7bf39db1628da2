/** The host gives pCPUs to vCPUs and takes them back: queues, slices, preemption with what the hypervisor has to do then. */
import type { Pcpu } from '../scheduler.ts'
import { ACCOUNT, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'
import { waitsToRun } from './sleep.ts'

export class HostScheduling {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** A vCPU can run: at once where a pCPU is free, else it waits for one. */
  enqueue(vcpu: Vcpu): void {
    const { agenda, host, scheduler } = this.parts
    const pcpu = scheduler.placeFor(vcpu)
    vcpu.pcpu = pcpu.id
    vcpu.state = STATE.queued
    vcpu.since = agenda.now
    if (pcpu.current === undefined) {
      pcpu.queue.push(vcpu)
      this.runNext(pcpu)
      return
    }
    if (vcpu.delay === 0) {
      pcpu.queue.push(vcpu)
      this.shareSlice(pcpu)
      return
    }
    // Who has slept goes first, and soon.
    pcpu.queue.unshift(vcpu)
    this.shareSlice(pcpu)
    const soon = Math.max(agenda.now, pcpu.since + host.wakeupGranularity * 1000)
    if (soon < (agenda.sliceOf(pcpu) ?? Number.POSITIVE_INFINITY)) agenda.setSlice(pcpu, soon)
  }

  /** Somebody waits for this pCPU: the slice of who has it ends at some time. */
  private shareSlice(pcpu: Pcpu): void {
    const { agenda, host, random, spinExits } = this.parts
    if (agenda.sliceOf(pcpu) === undefined) {
      // Slices of different pCPUs do not end together.
      const slice = random.near(host.slice * 1000, 0.2)
      agenda.setSlice(pcpu, Math.max(agenda.now, pcpu.since + slice))
    }
    const { current } = pcpu
    if (current?.state === STATE.spinning && host.pleWindow > 0 && host.virtual) spinExits.limit(current)
  }

  private runNext(pcpu: Pcpu): void {
    const { agenda, costs, counts, execution, host, scheduler, timeline } = this.parts
    const vcpu = scheduler.next(pcpu)
    agenda.cancelSlice(pcpu)
    if (vcpu === undefined) {
      pcpu.idleSince = agenda.now
      return
    }
    if (pcpu.current === undefined) pcpu.idle += agenda.now - pcpu.idleSince
    pcpu.current = vcpu
    pcpu.since = agenda.now
    vcpu.pcpu = pcpu.id
    vcpu.account(agenda.now, ACCOUNT.notRunning)
    vcpu.state = STATE.running
    if (pcpu.queue.length > 0) this.shareSlice(pcpu)
    counts.hostSwitches++
    const cost = vcpu.delay + (host.virtual ? costs.hostSwitch : 0)
    vcpu.delay = 0
    vcpu.chargeAhead(ACCOUNT.host, agenda.now, cost)
    timeline?.onto(vcpu, pcpu, agenda.now)
    if (waitsToRun(vcpu.top?.operation)) vcpu.top!.remaining = 0
    execution.begin(vcpu, cost)
  }

  /** The vCPU gives its pCPU up, whatever comes of it; the next one runs. */
  release(vcpu: Vcpu): void {
    if (vcpu.agent) return
    const { agenda, scheduler, timeline } = this.parts
    const pcpu = scheduler.pcpus[vcpu.pcpu]!
    agenda.cancelStep(vcpu)
    agenda.cancelSpin(vcpu)
    if (pcpu.current !== vcpu) return
    pcpu.current = undefined
    pcpu.idleSince = agenda.now
    timeline?.off(vcpu, pcpu, agenda.now)
    this.runNext(pcpu)
  }

  /** Back to the queue. */
  deschedule(vcpu: Vcpu): void {
    const { agenda, scheduler } = this.parts
    vcpu.state = STATE.queued
    vcpu.cutAt(agenda.now)
    scheduler.pcpus[vcpu.pcpu]!.queue.push(vcpu)
    this.release(vcpu)
  }

  sliceOver(pcpu: Pcpu): void {
    const { current } = pcpu
    if (current === undefined || pcpu.queue.length === 0) return
    current.mustYield = true
    if (current.guest.inGuest(current.index)) this.yieldNow(current)
  }

  /** A vCPU that must give its pCPU up is in the middle of an operation, and does not finish it first. */
  yieldNow(vcpu: Vcpu): void {
    const { execution } = this.parts
    vcpu.mustYield = true
    execution.suspend(vcpu)
    execution.begin(vcpu, 0)
  }

  /** The host takes a vCPU off its pCPU, between two operations of the guest: its hypervisor's code runs first. */
  preempt(vcpu: Vcpu): void {
    const { counts, execution } = this.parts
    vcpu.mustYield = false
    if (vcpu.preemption < 0) {
      this.deschedule(vcpu)
      return
    }
    const source = vcpu.sources[vcpu.preemption]!
    const { fn, args } = source.frame(this.forceEnter(vcpu))
    counts.exits++
    execution.push(vcpu, fn(...args), true)
  }

  /** Preemptions are counted in a cell; under a clock the host decides, and not that cell. */
  private forceEnter(vcpu: Vcpu): number {
    const source = vcpu.sources[vcpu.preemption]!
    const { memory } = vcpu.guest
    memory.acting = vcpu.index
    memory.set(source.footprint.reads![0]!, 1)
    const raw = source.enter(memory)
    memory.touched.length = 0
    return raw
  }
}
