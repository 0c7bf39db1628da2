/** The host gives pCPUs to vCPUs and takes them back: queues, slices, preemption with what the hypervisor has to do then. */
import { idleExit } from '../idle-states.ts'
import type { Pcpu } from '../scheduler.ts'
import { ACCOUNT, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'
import { waitsToRun } from './sleep.ts'

/** Nanoseconds that a thread of the host's runs (assumption). */
const HOST_BURST = 100_000

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
    if (host.scheduler === 'fair') {
      this.enqueueFairly(vcpu, pcpu)
      return
    }
    // Who has slept goes first, and soon.
    pcpu.queue.unshift(vcpu)
    this.shareSlice(pcpu)
    const soon = Math.max(agenda.now, pcpu.since + host.wakeupGranularity * 1000)
    if (soon < (agenda.sliceOf(pcpu) ?? Number.POSITIVE_INFINITY)) agenda.setSlice(pcpu, soon)
  }

  /** A thread of the host's own (timers, kernel threads, the VMM's) takes a pCPU for a while from who has it. */
  hostWork(pcpu: Pcpu): void {
    const { agenda, vcpus } = this.parts
    if (vcpus.every((vcpu) => vcpu.agent || vcpu.state === STATE.finished)) return
    this.planHostWork(pcpu)
    const { current } = pcpu
    if (current === undefined || agenda.now < pcpu.entered || !current.guest.inGuest(current.index)) return
    pcpu.owed += HOST_BURST
    this.yieldNow(current)
  }

  private planHostWork(pcpu: Pcpu): void {
    const { agenda, host, random } = this.parts
    agenda.setHostWork(pcpu, agenda.now + random.exponential(HOST_BURST / host.hostLoad))
  }

  /** At the start, slices have begun at any time. */
  spreadSlices(): void {
    const { agenda, host, random, scheduler } = this.parts
    for (const pcpu of scheduler.pcpus) {
      if (host.virtual && host.hostLoad > 0) this.planHostWork(pcpu)
      const end = agenda.sliceOf(pcpu)
      if (end !== undefined) agenda.setSlice(pcpu, random.next() * end)
    }
  }

  /** At the start, who waits for a pCPU is off it as if it had been taken off: its hypervisor knows. */
  startOff(vcpu: Vcpu): void {
    const { execution } = this.parts
    if (vcpu.state !== STATE.queued || vcpu.preemption < 0) return
    const { fn, args } = vcpu.sources[vcpu.preemption]!.frame(this.forceEnter(vcpu))
    execution.push(vcpu, fn(...args), true)
    while (!waitsToRun(vcpu.top?.operation)) execution.attempt(vcpu, vcpu.top!, vcpu.top!.operation!)
    vcpu.preempted = true
  }

  /** `place_entity()` and `check_preempt_wakeup()`. */
  private enqueueFairly(vcpu: Vcpu, pcpu: Pcpu): void {
    const { agenda, host, scheduler } = this.parts
    vcpu.runtime = Math.max(vcpu.runtime, scheduler.floor(pcpu, agenda.now) - host.latency * 500)
    pcpu.queue.push(vcpu)
    const ahead = scheduler.runtimeOf(pcpu, agenda.now) - vcpu.runtime
    if (ahead > host.wakeupGranularity * 1000) agenda.setSlice(pcpu, agenda.now)
    else this.shareSlice(pcpu)
  }

  /** Somebody waits for this pCPU: the slice of who has it ends at some time. */
  private shareSlice(pcpu: Pcpu): void {
    const { agenda, host, random, spinExits } = this.parts
    if (agenda.sliceOf(pcpu) === undefined) {
      // Slices of different pCPUs do not end together.
      const share = host.scheduler === 'fair' ? host.latency / (pcpu.queue.length + 1) : 0
      const slice = random.near(Math.max(host.slice, share) * 1000, 0.2)
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
    const asleep = idleExit(agenda.now - pcpu.leftAt, costs, host.idleStates)
    if (pcpu.current === undefined) pcpu.idle += agenda.now - pcpu.idleSince
    if (host.scheduler === 'fair' && vcpu.pcpu !== pcpu.id) vcpu.runtime = scheduler.floor(pcpu, agenda.now)
    pcpu.current = vcpu
    pcpu.since = agenda.now
    vcpu.window = 0
    vcpu.preempted = false
    vcpu.spun = false
    vcpu.eligible = false
    vcpu.pcpu = pcpu.id
    vcpu.account(agenda.now, ACCOUNT.notRunning)
    vcpu.state = STATE.running
    if (pcpu.queue.length > 0) this.shareSlice(pcpu)
    counts.hostSwitches++
    const cost = vcpu.delay + asleep + pcpu.owed + (host.virtual ? costs.hostSwitch : 0)
    vcpu.delay = 0
    pcpu.owed = 0
    pcpu.entered = agenda.now + cost
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
    vcpu.runtime += agenda.now - pcpu.since
    scheduler.floor(pcpu, agenda.now)
    pcpu.current = undefined
    pcpu.idleSince = agenda.now
    pcpu.leftAt = agenda.now
    timeline?.off(vcpu, pcpu, agenda.now)
    this.runNext(pcpu)
  }

  /** Back to the queue. */
  deschedule(vcpu: Vcpu): void {
    const { agenda, scheduler } = this.parts
    vcpu.state = STATE.queued
    vcpu.cutAt(agenda.now)
    vcpu.preempted = true
    scheduler.pcpus[vcpu.pcpu]!.queue.push(vcpu)
    this.release(vcpu)
  }

  sliceOver(pcpu: Pcpu): void {
    const { current } = pcpu
    if (current === undefined || pcpu.queue.length === 0) return
    const { agenda, host, scheduler } = this.parts
    if (agenda.now < pcpu.entered) {
      // The switch itself is not interrupted.
      agenda.setSlice(pcpu, pcpu.entered)
      return
    }
    const told = pcpu.mustChoose
    pcpu.mustChoose = false
    if (host.scheduler === 'fair' && !told && scheduler.hasRunLeast(pcpu, agenda.now)) {
      // A slice is over, and nobody has run less.
      agenda.setSlice(pcpu, agenda.now + host.slice * 1000)
      return
    }
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
    const { costs, counts, execution, scheduler } = this.parts
    vcpu.mustYield = false
    const pcpu = scheduler.pcpus[vcpu.pcpu]!
    if (vcpu.preemption < 0) {
      pcpu.owed += costs.exit
      this.deschedule(vcpu)
      return
    }
    // The entry is in the hypervisor's own code.
    pcpu.owed += costs.exit / 2
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
    memory.touchedCount = 0
    return raw
  }
}
