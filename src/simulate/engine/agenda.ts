/** The time, and what is due when: each vCPU's next step, interrupts on their way, spin windows, slices, grace periods. */
import { EventHeap } from '../heap.ts'
import type { Pcpu } from '../scheduler.ts'
import type { Vcpu } from '../vcpu.ts'

/** Who is told what has come due. */
export interface Due {
  /** The step is to be set anew, or cancelled. */
  complete(vcpu: Vcpu): void
  arrive(vcpu: Vcpu): void
  spunTooLong(vcpu: Vcpu): void
  sliceOver(pcpu: Pcpu): void
  periodDue(guest: number): void
  hostWork(pcpu: Pcpu): void
}

export class Agenda {
  /** Nanoseconds since the start. */
  now = 0
  /** When something last happened. */
  lastEvent = 0
  private readonly heap: EventHeap
  /** First items of each sort; vCPUs' steps come first. Equal times come out in the order of the items. */
  private readonly arrivals: number
  private readonly spins: number
  private readonly slices: number
  private readonly periods: number
  private readonly hostWorks: number

  constructor(vcpus: number, pcpus: number, guests: number) {
    this.arrivals = vcpus
    this.spins = 2 * vcpus
    this.slices = 3 * vcpus
    this.periods = this.slices + pcpus
    this.hostWorks = this.periods + guests
    this.heap = new EventHeap(this.hostWorks + pcpus)
  }

  /** Tells what comes due, in the order of times, until a time or until nothing is left. */
  run(until: number, vcpus: readonly Vcpu[], pcpus: readonly Pcpu[], due: Due): void {
    for (;;) {
      const { earliest, first: item } = this.heap
      if (earliest > until || earliest === Number.POSITIVE_INFINITY) break
      this.now = earliest
      this.lastEvent = earliest
      if (item < this.arrivals) {
        // The step stays where it is until it is set anew or cancelled: mostly it goes down a little.
        due.complete(vcpus[item]!)
        continue
      }
      this.heap.remove(item)
      if (item < this.spins) due.arrive(vcpus[item - this.arrivals]!)
      else if (item < this.slices) due.spunTooLong(vcpus[item - this.spins]!)
      else if (item < this.periods) due.sliceOver(pcpus[item - this.slices]!)
      else if (item < this.hostWorks) due.periodDue(item - this.periods)
      else due.hostWork(pcpus[item - this.hostWorks]!)
    }
    this.now = Math.max(this.now, Math.min(until, Number.MAX_SAFE_INTEGER))
  }

  /** Whether nothing will ever happen again. */
  get over(): boolean {
    return this.heap.first < 0
  }

  /** A thread of the host's own wants a pCPU. */
  setHostWork(pcpu: Pcpu, time: number): void {
    this.heap.set(this.hostWorks + pcpu.id, time)
  }

  setStep(vcpu: Vcpu, time: number): void {
    this.heap.set(vcpu.id, time)
  }

  /** When the operation under way will be over, or undefined. */
  stepOf(vcpu: Vcpu): number | undefined {
    return this.heap.timeOf(vcpu.id)
  }

  cancelStep(vcpu: Vcpu): void {
    this.heap.remove(vcpu.id)
  }

  /** An interrupt arrives; an earlier one that is on its way stays. */
  setArrival(vcpu: Vcpu, time: number): void {
    const item = this.arrivals + vcpu.id
    const known = this.heap.timeOf(item)
    if (known === undefined || time < known) this.heap.set(item, time)
  }

  setSpin(vcpu: Vcpu, time: number): void {
    this.heap.set(this.spins + vcpu.id, time)
  }

  spinOf(vcpu: Vcpu): number | undefined {
    return this.heap.timeOf(this.spins + vcpu.id)
  }

  cancelSpin(vcpu: Vcpu): void {
    this.heap.remove(this.spins + vcpu.id)
  }

  setSlice(pcpu: Pcpu, time: number): void {
    this.heap.set(this.slices + pcpu.id, time)
  }

  sliceOf(pcpu: Pcpu): number | undefined {
    return this.heap.timeOf(this.slices + pcpu.id)
  }

  cancelSlice(pcpu: Pcpu): void {
    this.heap.remove(this.slices + pcpu.id)
  }

  setPeriod(guest: number, time: number): void {
    this.heap.set(this.periods + guest, time)
  }
}
