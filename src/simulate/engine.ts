/**
 * The discrete-event engine: live generators of one or several guests under one clock.
 *
 * A vCPU on a pCPU has one operation under way. It takes what the cost model says, has its effect at the end, and the
 * generator goes on to the next. An interrupt suspends the operation with what is left of it. A guard that is false makes
 * the vCPU spin on its pCPU until somebody writes a cell that the guard looks at; a `Halt` gives the pCPU up. The effect of
 * an operation, and only that, touches the cells: what the explorer explores is what runs here.
 *
 * Each subject has a file in `engine/`; here they are put together.
 */
import type { Costs } from './cost-model.ts'
import { Agenda } from './engine/agenda.ts'
import { Callbacks } from './engine/callbacks.ts'
import { Counts } from './engine/counts.ts'
import { Effects } from './engine/effects.ts'
import { Execution } from './engine/execution.ts'
import { HostScheduling } from './engine/host-scheduling.ts'
import { Interrupts } from './engine/interrupts.ts'
import type { Parts } from './engine/parts.ts'
import { Refill } from './engine/refill.ts'
import { Sleep } from './engine/sleep.ts'
import { SpinExits } from './engine/spin-exits.ts'
import { Waits } from './engine/waits.ts'
import type { GracePeriods } from './grace-periods.ts'
import type { Guest } from './guest.ts'
import type { HostDescription } from './host.ts'
import { accountOf } from './kind-costs.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import type { Timeline } from './timeline.ts'
import { placeOf } from './topology.ts'
import { ACCOUNT, STATE, Vcpu } from './vcpu.ts'
import type { Watchers } from './watchers.ts'

export interface EngineOptions {
  readonly host: HostDescription
  readonly costs: Costs
  readonly guests: readonly Guest[]
  readonly seed: number
  readonly timeline?: Timeline | undefined
}

export class Engine implements Parts {
  readonly host: HostDescription
  readonly costs: Costs
  readonly guests: readonly Guest[]
  readonly vcpus: readonly Vcpu[]
  readonly scheduler: Scheduler
  readonly random: Random
  readonly timeline: Timeline | undefined
  readonly agenda: Agenda
  readonly counts = new Counts()
  readonly execution: Execution
  readonly effects: Effects
  readonly waits: Waits
  readonly interrupts: Interrupts
  readonly callbacks: Callbacks
  readonly hostScheduling: HostScheduling
  readonly refill: Refill
  readonly sleep: Sleep
  readonly spinExits: SpinExits

  constructor({ host, costs, guests, seed, timeline }: EngineOptions) {
    this.host = host
    this.costs = costs
    this.guests = guests
    this.timeline = timeline
    this.random = new Random(seed)
    const fairness = host.scheduler === 'fair' ? { granularity: host.wakeupGranularity * 1000 } : undefined
    this.scheduler = new Scheduler(
      Array.from({ length: host.pcpus }, (_, pcpu) => placeOf(host, pcpu)),
      fairness,
    )
    this.vcpus = vcpusOf(guests, host.pcpus)
    this.agenda = new Agenda(this.vcpus.length, host.pcpus, guests.length)
    this.execution = new Execution(this)
    this.effects = new Effects(this)
    this.waits = new Waits(this)
    this.interrupts = new Interrupts(this)
    this.callbacks = new Callbacks(this)
    this.hostScheduling = new HostScheduling(this)
    this.refill = new Refill(this)
    this.sleep = new Sleep(this)
    this.spinExits = new SpinExits(this)
    // Guests have started at different times: who has a pCPU first is not the same guest everywhere.
    for (const vcpu of this.random.shuffled(this.vcpus)) this.startUp(vcpu)
    this.hostScheduling.spreadSlices()
    for (const vcpu of this.vcpus) this.hostScheduling.startOff(vcpu)
  }

  private startUp(vcpu: Vcpu): void {
    const main = vcpu.guest.program.processes[vcpu.index]!.main
    if (main !== undefined) this.execution.push(vcpu, main.fn(...main.args), false)
    if (vcpu.agent) this.execution.begin(vcpu, 0)
    else if (main === undefined) vcpu.state = STATE.finished
    else this.hostScheduling.enqueue(vcpu)
  }

  /** Runs until a time, or until nothing is left to do. */
  run(until: number): void {
    const { callbacks, execution, hostScheduling, interrupts, spinExits } = this
    this.agenda.run(until, this.vcpus, this.scheduler.pcpus, {
      complete: (vcpu) => execution.complete(vcpu),
      arrive: (vcpu) => interrupts.arrive(vcpu),
      spunTooLong: (vcpu) => spinExits.spunTooLong(vcpu),
      sliceOver: (pcpu) => hostScheduling.sliceOver(pcpu),
      periodDue: (guest) => callbacks.periodDue(guest),
      hostWork: (pcpu) => hostScheduling.hostWork(pcpu),
    })
    this.settle()
  }

  /** Every vCPU's time up to now is on its accounts. */
  private settle(): void {
    const { now } = this.agenda
    for (const vcpu of this.vcpus) {
      const frame = vcpu.top
      if (vcpu.state === STATE.queued) vcpu.account(now, ACCOUNT.notRunning)
      else if (vcpu.state === STATE.halted || vcpu.state === STATE.finished) vcpu.account(now, ACCOUNT.idle)
      else if (vcpu.state === STATE.spinning) vcpu.account(now, this.waits.account(vcpu))
      // Of the operation under way, what has passed of it; what has been charged ahead stays.
      else if (frame?.operation !== undefined)
        vcpu.accountUntil(now, accountOf(frame.operation, frame.handler))
    }
    for (const pcpu of this.scheduler.pcpus) {
      if (pcpu.current === undefined) pcpu.idle += now - pcpu.idleSince
      pcpu.idleSince = now
    }
  }

  /** Whether every vCPU has come to its end. */
  get finished(): boolean {
    return this.vcpus.every((vcpu) => vcpu.agent || vcpu.state === STATE.finished)
  }

  /** Grace periods of each guest. */
  get graces(): readonly GracePeriods[] {
    return this.callbacks.graces
  }
}

/** The vCPUs of all guests, spread over the pCPUs. */
function vcpusOf(guests: readonly Guest[], pcpus: number): Vcpu[] {
  const vcpus: Vcpu[] = []
  let home = 0
  for (const [number, guest] of guests.entries()) {
    const watchers = new Map<number, Watchers<Vcpu>>()
    const peers = guest.program.processes.map((_, index) => {
      const vcpu = new Vcpu(vcpus.length, guest, number, index, home % pcpus)
      if (!vcpu.agent) home++
      vcpus.push(vcpu)
      return vcpu
    })
    for (const vcpu of peers) Object.assign(vcpu, { peers, watchers })
  }
  return vcpus
}
