/**
 * The discrete-event engine: live generators of one or several guests under one clock.
 *
 * A vCPU on a pCPU has one operation under way. It takes what the cost model says, has its effect at the end, and the
 * generator goes on to the next. An interrupt suspends the operation with what is left of it. A guard that is false makes
 * the vCPU spin on its pCPU until somebody writes a cell that the guard looks at; a `Halt` gives the pCPU up. The effect of
 * an operation, and only that, touches the cells: what the explorer explores is what runs here.
 */
import { GuestProgramError } from '../core/errors.ts'
import { Operation, type Task } from '../core/operation.ts'
import { WAIT_TO_RUN, WAIT_TO_RUN_OR_VECTOR } from '../machine/modes.ts'
import type { Costs } from './cost-model.ts'
import { Delivery } from './delivery.ts'
import { GracePeriods } from './grace-periods.ts'
import type { Guest } from './guest.ts'
import { EventHeap } from './heap.ts'
import { Histogram } from './histogram.ts'
import type { HostDescription } from './host.ts'
import { accountOf, kindCosts } from './kind-costs.ts'
import { WATCHED } from './memory.ts'
import { CallRcu, Contended, Halt, Now, Spend } from './operations.ts'
import { Random } from './random.ts'
import { type Pcpu, Scheduler } from './scheduler.ts'
import type { Timeline } from './timeline.ts'
import { ACCOUNT, type LiveFrame, STATE, Vcpu } from './vcpu.ts'

/** Instantaneous operations in a row before a program is said not to let time pass. */
const MOST_WITHOUT_TIME = 1_000_000

export interface EngineOptions {
  readonly host: HostDescription
  readonly costs: Costs
  readonly guests: readonly Guest[]
  readonly seed: number
  readonly timeline?: Timeline | undefined
}

export class Engine {
  readonly host: HostDescription
  readonly costs: Costs
  readonly guests: readonly Guest[]
  readonly vcpus: readonly Vcpu[]
  readonly scheduler: Scheduler
  readonly random: Random
  readonly graces: readonly GracePeriods[]
  /** Nanoseconds since the start. */
  now = 0
  /** When something last happened. */
  lastEvent = 0
  operations = 0
  interrupts = 0
  exits = 0
  hostSwitches = 0
  fullFlushes = 0
  readonly ackWaits = new Histogram()
  readonly irqsOff = new Histogram()
  readonly lockWaits = new Histogram()
  private readonly heap: EventHeap
  private readonly delivery: Delivery
  private readonly kinds: ReturnType<typeof kindCosts>
  private readonly timeline: Timeline | undefined
  /** First agenda items of each sort; vCPUs' steps come first. */
  private readonly arrivals: number
  private readonly spins: number
  private readonly slices: number
  private readonly periods: number
  private readonly fullRefill: number
  private end = 0
  /** When the last broadcast invalidation has been taken everywhere. */
  private broadcastFree = 0

  constructor({ host, costs, guests, seed, timeline }: EngineOptions) {
    this.host = host
    this.costs = costs
    this.guests = guests
    this.timeline = timeline
    this.random = new Random(seed)
    this.scheduler = new Scheduler(host.pcpus, host.sockets)
    this.kinds = kindCosts(costs, host)
    const vcpus: Vcpu[] = []
    let home = 0
    for (const [number, guest] of guests.entries()) {
      const watchers = new Map<number, Vcpu[]>()
      const peers = guest.program.processes.map((_, index) => {
        const vcpu = new Vcpu(vcpus.length, guest, number, index, home % host.pcpus)
        if (!vcpu.agent) home++
        vcpus.push(vcpu)
        return vcpu
      })
      for (const vcpu of peers) Object.assign(vcpu, { peers, watchers })
    }
    this.vcpus = vcpus
    this.graces = guests.map(() => new GracePeriods())
    this.arrivals = vcpus.length
    this.spins = 2 * vcpus.length
    this.slices = 3 * vcpus.length
    this.periods = this.slices + host.pcpus
    this.heap = new EventHeap(this.periods + guests.length)
    this.delivery = new Delivery(host, costs, this.scheduler)
    const nested = host.virtual ? costs.nestedFactor : 1
    this.fullRefill = Math.min(host.workingSet, costs.tlbEntries) * costs.refill * nested
    for (const vcpu of vcpus) this.startUp(vcpu)
  }

  private startUp(vcpu: Vcpu): void {
    const main = vcpu.guest.program.processes[vcpu.index]!.main
    if (main !== undefined) {
      this.push(vcpu, main.fn(...main.args), false, false)
    }
    if (vcpu.agent) {
      this.begin(vcpu, 0)
    } else if (main === undefined) {
      vcpu.state = STATE.finished
    } else {
      // Where everybody starts at once, nobody's slices may end at once.
      this.enqueue(vcpu)
    }
  }

  /** Runs until a time, or until nothing is left to do. */
  run(until: number): void {
    this.end = until
    for (;;) {
      const { earliest } = this.heap
      if (earliest > until || earliest === Number.POSITIVE_INFINITY) break
      const item = this.heap.pop()
      this.now = earliest
      this.lastEvent = earliest
      if (item < this.arrivals) this.complete(this.vcpus[item]!)
      else if (item < this.spins) this.arrive(this.vcpus[item - this.arrivals]!)
      else if (item < this.slices) this.spunTooLong(this.vcpus[item - this.spins]!)
      else if (item < this.periods) this.sliceOver(this.scheduler.pcpus[item - this.slices]!)
      else this.periodDue(item - this.periods)
    }
    this.now = Math.max(this.now, Math.min(until, Number.MAX_SAFE_INTEGER))
    this.settle()
  }

  /** Every vCPU's time up to now is on its accounts. */
  private settle(): void {
    for (const vcpu of this.vcpus) {
      if (vcpu.state === STATE.queued) this.account(vcpu, ACCOUNT.notRunning)
      else if (vcpu.state === STATE.halted) this.account(vcpu, ACCOUNT.idle)
      else if (vcpu.state === STATE.spinning) this.account(vcpu, this.waitAccount(vcpu))
      vcpu.since = this.now
    }
    for (const pcpu of this.scheduler.pcpus) {
      if (pcpu.current === undefined) pcpu.idle += this.now - pcpu.idleSince
      pcpu.idleSince = this.now
    }
  }

  /** Whether every vCPU has come to its end. */
  get finished(): boolean {
    return this.vcpus.every((vcpu) => vcpu.agent || vcpu.state === STATE.finished)
  }

  private account(vcpu: Vcpu, account: number): void {
    vcpu.charge(account, this.now - vcpu.since)
    vcpu.since = this.now
  }

  // Operations -------------------------------------------------------------------------------------------------------

  /** The operation under way has taken its time: it happens, unless its guard is false. */
  private complete(vcpu: Vcpu): void {
    for (;;) {
      const frame = vcpu.top
      const extra = frame?.operation === undefined ? 0 : this.attempt(vcpu, frame, frame.operation)
      if (extra < 0) return
      const next = this.begin(vcpu, extra)
      // As long as nothing else is due before, the same vCPU goes on without a detour through the queue.
      if (next < 0 || next >= this.heap.earliest || next > this.end) return
      this.heap.remove(vcpu.id)
      this.now = next
      this.lastEvent = next
    }
  }

  /** Makes the operation happen; gives what it costs beyond its time, or -1 when its guard holds it back. */
  private attempt(vcpu: Vcpu, frame: LiveFrame, operation: Operation<unknown>): number {
    const { memory } = vcpu.guest
    memory.acting = vcpu.index
    if (operation.guard !== undefined) {
      memory.missed = -1
      if (!operation.guard(memory)) {
        this.block(vcpu, operation)
        return -1
      }
    }
    if (vcpu.state === STATE.spinning) {
      this.noteWait(vcpu, operation)
      this.unblock(vcpu)
    }
    this.operations++
    if (this.now > vcpu.since) this.account(vcpu, accountOf(operation, frame.handler))
    memory.missed = -1
    let extra = 0
    let raw = 0
    try {
      raw = operation.apply(memory, operation.choices > 1 ? this.random.below(operation.choices) : 0)
      if (operation.commit !== undefined) operation.commit.apply(memory)
      if (memory.missed >= 0) extra = this.fetchLine(vcpu, operation)
      if (operation.kind !== 'local') extra += this.special(vcpu, operation, raw)
      else if (operation instanceof Now) raw = this.now
      if (memory.touched.length > 0) this.changed(vcpu, operation)
      frame.operation = undefined
      this.advance(vcpu, operation.decode(raw))
    } catch (error) {
      throw error instanceof Error && !(error instanceof GuestProgramError)
        ? new GuestProgramError(
            'guest-throws',
            `"${operation.label}" at ${this.now.toFixed(0)} ns: ${error.message}`,
          )
        : error
    }
    return extra
  }

  /** A line comes from another CPU; locked instructions on the same line queue for it. */
  private fetchLine(vcpu: Vcpu, operation: Operation<unknown>): number {
    const { memory } = vcpu.guest
    const { pcpus } = this.scheduler
    const from = memory.missedFrom < 0 ? undefined : vcpu.peers[memory.missedFrom]
    const far = from !== undefined && pcpus[from.pcpu]?.socket !== pcpus[vcpu.pcpu]?.socket
    const cost = far ? this.costs.lineFar : this.costs.line
    let taken = cost
    if (operation.kind === 'rmw' || operation.kind === 'lock') {
      const start = Math.max(this.now, memory.lineFree[memory.missed]!)
      const held = operation instanceof Contended ? cost * operation.times : cost
      memory.lineFree[memory.missed] = start + held
      taken = start + held - this.now
    }
    vcpu.charge(ACCOUNT.lines, taken)
    vcpu.since = this.now + taken
    return taken
  }

  /** What some kinds of operation do beside their effect on cells. Gives time that the CPU spends on it. */
  private special(vcpu: Vcpu, operation: Operation<unknown>, raw: number): number {
    switch (operation.kind) {
      case 'ipi': {
        const sent = this.delivery.send(vcpu, operation, this.now)
        this.exits += sent.exits
        vcpu.charge(ACCOUNT.send, sent.busy)
        vcpu.since = this.now + sent.busy
        return sent.busy
      }
      case 'invlpg':
        vcpu.refill = Math.min(this.fullRefill, vcpu.refill + this.costs.refill)
        return 0
      case 'cr3':
      case 'cr4':
      case 'invpcid':
        this.fullFlushes++
        vcpu.refill = this.fullRefill
        return 0
      case 'cli':
        if (raw === 1) vcpu.irqsOffSince = this.now
        return 0
      case 'sti':
      case 'iret':
        if (vcpu.irqsOffSince >= 0 && vcpu.guest.interruptsOn(vcpu.index)) {
          this.irqsOff.add(this.now - vcpu.irqsOffSince)
          vcpu.irqsOffSince = -1
        }
        return 0
      case 'vmexit':
        this.exits++
        return 0
      case 'tlbsync': {
        // Broadcasts are taken by all CPUs one after the other.
        const start = Math.max(this.now, this.broadcastFree)
        this.broadcastFree = start + this.costs.tlbsync
        vcpu.charge(ACCOUNT.flush, this.broadcastFree - this.now)
        vcpu.since = this.broadcastFree
        return this.broadcastFree - this.now
      }
      case 'rcu':
        if (operation instanceof CallRcu) this.queueCallback(vcpu, operation)
        return 0
      default:
        return 0
    }
  }

  /** Cells with somebody behind them have changed. */
  private changed(by: Vcpu, operation: Operation<unknown>): void {
    const { guest } = by
    const { memory } = guest
    const own = by.peers
    let target = 0
    for (const cell of memory.touched) {
      for (const process of guest.raised(cell)) {
        const vcpu = own[process]!
        if (vcpu === by || memory.peek(cell as never) === 0) {
          vcpu.pending = true
          continue
        }
        if (operation.kind === 'ipi') this.timeline?.send(by, vcpu, this.now)
        this.raise(vcpu, this.delivery.latency(by, vcpu, operation, target++))
      }
      if (memory.flags[cell]! & WATCHED) this.wakeWatchers(by, cell)
    }
    memory.touched.length = 0
  }

  // The stack --------------------------------------------------------------------------------------------------------

  private push(vcpu: Vcpu, task: Task<unknown>, called: boolean, handler: boolean): void {
    vcpu.stack.push({ task, called, handler, operation: undefined, remaining: -1 })
    this.advance(vcpu, undefined)
  }

  /** Lets the code on top run to its next operation, through calls and returns. */
  private advance(vcpu: Vcpu, given: unknown): void {
    const { stack } = vcpu
    let value = given
    for (;;) {
      const frame = stack[stack.length - 1]
      if (frame === undefined) return
      const { done, value: step } = frame.task.next(value)
      if (done) {
        stack.pop()
        if (!frame.called) return
        value = step
      } else if (step instanceof Operation) {
        frame.operation = step
        frame.remaining = -1
        return
      } else {
        // A handler's functions are called through pointers, with their own bookkeeping (`flush_tlb_func`).
        if (frame.handler) vcpu.overhead += this.costs.flushFunction
        const called = { called: true, handler: frame.handler, operation: undefined, remaining: -1 }
        stack.push({ task: step.fn(...step.args), ...called })
        value = undefined
      }
    }
  }

  /**
   * Begins (or goes on with) the operation on top: interrupts first, then whatever takes no time. Gives when it will be over,
   * -1 when the vCPU is not running any more.
   *
   * @param extra - nanoseconds that pass before
   */
  private begin(vcpu: Vcpu, extra: number): number {
    let before = extra
    for (let turns = 0; turns < MOST_WITHOUT_TIME; turns++) {
      if (vcpu.mustYield && vcpu.guest.inGuest(vcpu.index)) {
        this.preempt(vcpu)
        if (vcpu.state !== STATE.running) return -1
      }
      if (vcpu.pending || vcpu.softirqs.length > 0) before += this.deliver(vcpu)
      const frame = vcpu.top
      if (frame === undefined) return this.ended(vcpu)
      const operation = frame.operation
      if (operation === undefined) {
        // A handler that yields nothing has ended at once.
        this.advance(vcpu, undefined)
        continue
      }
      if (waitsToRun(operation) && vcpu.state === STATE.running && !this.chosen(vcpu)) return -1
      if (frame.remaining < 0) frame.remaining = this.costOf(vcpu, operation)
      const time = frame.remaining + before
      if (time > 0 || operation.guard !== undefined) {
        const due = this.now + time
        frame.remaining = time
        this.heap.set(vcpu.id, due)
        return due
      }
      const more = this.attempt(vcpu, frame, operation)
      if (more < 0) return -1
      before += more
    }
    throw new GuestProgramError(
      'guest-invalid',
      `${vcpu.guest.program.processes[vcpu.index]!.name} goes on without time passing: "${vcpu.top?.operation?.label}"`,
    )
  }

  private costOf(vcpu: Vcpu, operation: Operation<unknown>): number {
    if (operation instanceof Spend) {
      if (operation.account !== ACCOUNT.user || vcpu.refill === 0) return operation.nanoseconds
      const { refill } = vcpu
      vcpu.refill = 0
      vcpu.charge(ACCOUNT.refill, refill)
      vcpu.charge(ACCOUNT.user, -refill)
      return operation.nanoseconds + refill
    }
    const { overhead } = vcpu
    if (overhead === 0) return this.kinds[operation.kind]
    vcpu.overhead = 0
    return this.kinds[operation.kind] + overhead
  }

  /** A process has come to its end. */
  private ended(vcpu: Vcpu): number {
    if (vcpu.agent) {
      vcpu.state = STATE.halted
      return -1
    }
    vcpu.state = STATE.finished
    this.release(vcpu)
    return -1
  }

  // Waiting ----------------------------------------------------------------------------------------------------------

  private waitAccount(vcpu: Vcpu): number {
    return vcpu.top?.operation?.kind === 'lock' ? ACCOUNT.locks : ACCOUNT.ackWait
  }

  private block(vcpu: Vcpu, operation: Operation<unknown>): void {
    const frame = vcpu.top!
    frame.remaining = 0
    if (operation instanceof Halt) {
      this.goToSleep(vcpu, operation)
      return
    }
    if (vcpu.state !== STATE.spinning) {
      if (this.now > vcpu.since) this.account(vcpu, accountOf(operation, frame.handler))
      vcpu.state = STATE.spinning
      this.watch(vcpu, operation)
    }
    const waiting = this.scheduler.pcpus[vcpu.pcpu]!.queue.length
    if (this.host.virtual && !vcpu.agent && this.host.pleWindow > 0 && waiting > 0) this.limitSpin(vcpu)
  }

  /** Pause-loop exiting notices a vCPU that has spun for its window; with others waiting, the window is what it costs. */
  private limitSpin(vcpu: Vcpu): void {
    if (this.heap.timeOf(this.spins + vcpu.id) !== undefined) return
    this.heap.set(this.spins + vcpu.id, this.now + this.host.pleWindow / this.costs.ghz)
  }

  private watch(vcpu: Vcpu, operation: Operation<unknown>): void {
    const { watchers } = vcpu
    const { loads = [], reads = [] } = operation.footprint()
    const cells = loads.length === 0 ? reads : reads.length === 0 ? loads : [...loads, ...reads]
    vcpu.watching = cells
    for (const cell of cells) {
      const known = watchers.get(cell)
      if (known === undefined) watchers.set(cell, [vcpu])
      else known.push(vcpu)
      vcpu.guest.memory.flags[cell]! |= WATCHED
    }
  }

  private unwatch(vcpu: Vcpu): void {
    const { watchers } = vcpu
    for (const cell of vcpu.watching) {
      const known = watchers.get(cell)
      if (known === undefined) continue
      const place = known.indexOf(vcpu)
      if (place >= 0) known.splice(place, 1)
      if (known.length > 0) continue
      watchers.delete(cell)
      vcpu.guest.memory.flags[cell]! &= ~WATCHED
    }
    vcpu.watching = []
  }

  /** A guard has come true. */
  private noteWait(vcpu: Vcpu, operation: Operation<unknown>): void {
    const waited = this.now - vcpu.since
    if (operation.kind === 'wait' && operation.host !== true) {
      this.ackWaits.add(waited)
      this.timeline?.span(vcpu, operation.label, vcpu.since, this.now)
    } else if (operation.kind === 'lock') this.lockWaits.add(waited)
  }

  /** A wait on the pCPU is over, or is interrupted. */
  private unblock(vcpu: Vcpu): void {
    this.account(vcpu, this.waitAccount(vcpu))
    vcpu.state = STATE.running
    this.unwatch(vcpu)
    this.heap.remove(this.spins + vcpu.id)
  }

  private wakeWatchers(by: Vcpu, cell: number): void {
    const { guest } = by
    const watchers = by.watchers.get(cell)
    if (watchers === undefined) return
    for (const vcpu of [...watchers]) {
      if (vcpu.state === STATE.spinning) {
        const operation = vcpu.top!.operation!
        const acting = guest.memory.acting
        guest.memory.acting = vcpu.index
        const holds = operation.guard?.(guest.memory) ?? true
        guest.memory.acting = acting
        if (holds && this.heap.timeOf(vcpu.id) === undefined)
          this.heap.set(vcpu.id, this.now + this.costs.line)
      } else if (vcpu.state === STATE.halted && vcpu.halt?.guard?.(guest.memory) === true) {
        this.wake(vcpu)
      }
    }
  }

  // Interrupts -------------------------------------------------------------------------------------------------------

  /** A source of a vCPU has been raised by somebody else, and arrives after a while. */
  private raise(vcpu: Vcpu, latency: number): void {
    if (vcpu.agent) {
      vcpu.pending = true
      vcpu.state = STATE.running
      this.heap.set(vcpu.id, this.now)
      return
    }
    const item = this.arrivals + vcpu.id
    const due = this.now + latency
    const known = this.heap.timeOf(item)
    if (known === undefined || due < known) this.heap.set(item, due)
  }

  private arrive(vcpu: Vcpu): void {
    vcpu.pending = true
    const off = vcpu.state === STATE.halted || vcpu.state === STATE.queued
    if (off && vcpu.top?.operation === WAIT_TO_RUN_OR_VECTOR && this.hostVector(vcpu)) this.serveOff(vcpu)
    else if (vcpu.state === STATE.halted) this.wake(vcpu)
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
    vcpu.pending = false
    const { since } = vcpu
    vcpu.since = this.now
    do {
      const frame = vcpu.top!
      this.attempt(vcpu, frame, frame.operation!)
    } while (vcpu.top?.operation !== WAIT_TO_RUN_OR_VECTOR)
    vcpu.since = since
  }

  /** Interrupts the operation under way if a source can be delivered. */
  private interruptNow(vcpu: Vcpu): void {
    const source = this.deliverable(vcpu)
    if (source < 0 && !(vcpu.softirqs.length > 0 && this.takesSoftirqs(vcpu))) return
    this.suspend(vcpu)
    this.begin(vcpu, 0)
  }

  /** Stops the operation under way; what is left of it is done later. */
  private suspend(vcpu: Vcpu): void {
    const frame = vcpu.top
    if (frame?.operation === undefined) return
    if (vcpu.state === STATE.spinning) {
      this.unblock(vcpu)
      frame.remaining = 0
      this.heap.remove(vcpu.id)
      return
    }
    const due = this.heap.timeOf(vcpu.id)
    if (due === undefined) return
    frame.remaining = Math.max(0, due - this.now)
    if (this.now > vcpu.since) this.account(vcpu, accountOf(frame.operation, frame.handler))
    this.heap.remove(vcpu.id)
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
  private deliver(vcpu: Vcpu): number {
    const chosen = vcpu.pending ? this.deliverable(vcpu) : -1
    if (chosen >= 0) return this.enter(vcpu, chosen)
    if (vcpu.softirqs.length === 0 || !this.takesSoftirqs(vcpu)) return 0
    this.push(vcpu, vcpu.softirqs.shift()!, false, true)
    return 0
  }

  private enter(vcpu: Vcpu, number: number): number {
    const source = vcpu.sources[number]!
    const { memory } = vcpu.guest
    const irqsOn = vcpu.guest.interruptsOn(vcpu.index)
    const raw = source.enter(memory)
    if (memory.touched.length > 0) this.changed(vcpu, WAIT_TO_RUN)
    const { fn, args } = source.frame(raw)
    this.push(vcpu, fn(...args), false, true)
    if (source.host === true) {
      this.exits++
      vcpu.charge(ACCOUNT.exits, this.costs.exit / 2)
      vcpu.since = this.now + this.costs.exit / 2
      return this.costs.exit / 2
    }
    this.interrupts++
    if (irqsOn && vcpu.irqsOffSince < 0) vcpu.irqsOffSince = this.now
    const cost = this.costs.interrupt + this.delivery.entry(vcpu)
    vcpu.charge(ACCOUNT.interrupts, cost)
    vcpu.since = this.now + cost
    this.timeline?.arrow(vcpu, this.now)
    return cost
  }

  // RCU --------------------------------------------------------------------------------------------------------------

  private queueCallback(vcpu: Vcpu, operation: CallRcu): void {
    const guest = vcpu.guestNumber
    const due = this.graces[guest]!.queue(
      operation,
      vcpu.index,
      this.now,
      vcpu.guest.cpus,
      this.random.near(this.costs.gracePeriod, 0.25),
    )
    if (due !== undefined) this.heap.set(this.periods + guest, due)
  }

  private periodDue(guest: number): void {
    const own = this.vcpus.find((vcpu) => vcpu.guestNumber === guest)!.peers
    const { again, ready } = this.graces[guest]!.due(
      this.now,
      this.guests[guest]!.cpus,
      this.random.near(this.costs.gracePeriod, 0.25),
      this.costs.rcuCallback,
      (cpu) =>
        own[cpu]!.state === STATE.finished ||
        own[cpu]!.halt !== undefined ||
        this.guests[guest]!.quiescent(cpu),
    )
    if (again !== undefined) this.heap.set(this.periods + guest, again)
    for (const [cpu, task] of ready) {
      const vcpu = own[cpu]!
      vcpu.softirqs.push(task)
      if (vcpu.state === STATE.halted) this.wake(vcpu)
      else if (vcpu.state === STATE.running || vcpu.state === STATE.spinning) this.interruptNow(vcpu)
    }
  }

  // The host's scheduler ---------------------------------------------------------------------------------------------

  private enqueue(vcpu: Vcpu): void {
    const pcpu = this.scheduler.placeFor(vcpu)
    vcpu.pcpu = pcpu.id
    vcpu.state = STATE.queued
    vcpu.since = this.now
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
    const soon = Math.max(this.now, pcpu.since + this.host.wakeupGranularity * 1000)
    if (soon < (this.heap.timeOf(this.slices + pcpu.id) ?? Number.POSITIVE_INFINITY)) {
      this.heap.set(this.slices + pcpu.id, soon)
    }
  }

  /** Somebody waits for this pCPU: the slice of who has it ends at some time. */
  private shareSlice(pcpu: Pcpu): void {
    if (this.heap.timeOf(this.slices + pcpu.id) === undefined) {
      // Slices of different pCPUs do not end together.
      const slice = this.random.near(this.host.slice * 1000, 0.2)
      this.heap.set(this.slices + pcpu.id, Math.max(this.now, pcpu.since + slice))
    }
    const { current } = pcpu
    if (current?.state === STATE.spinning && this.host.pleWindow > 0 && this.host.virtual)
      this.limitSpin(current)
  }

  private runNext(pcpu: Pcpu): void {
    const vcpu = this.scheduler.next(pcpu)
    this.heap.remove(this.slices + pcpu.id)
    if (vcpu === undefined) {
      pcpu.idleSince = this.now
      return
    }
    if (pcpu.current === undefined) pcpu.idle += this.now - pcpu.idleSince
    pcpu.current = vcpu
    pcpu.since = this.now
    vcpu.pcpu = pcpu.id
    this.account(vcpu, ACCOUNT.notRunning)
    vcpu.state = STATE.running
    if (pcpu.queue.length > 0) this.shareSlice(pcpu)
    this.hostSwitches++
    const cost = vcpu.delay + (this.host.virtual ? this.costs.hostSwitch : 0)
    vcpu.delay = 0
    vcpu.charge(ACCOUNT.host, cost)
    vcpu.since = this.now + cost
    this.timeline?.onto(vcpu, pcpu, this.now)
    if (waitsToRun(vcpu.top?.operation)) vcpu.top!.remaining = 0
    this.begin(vcpu, cost)
  }

  /** The vCPU gives its pCPU up, whatever comes of it; the next one runs. */
  private release(vcpu: Vcpu): void {
    if (vcpu.agent) return
    const pcpu = this.scheduler.pcpus[vcpu.pcpu]!
    this.heap.remove(vcpu.id)
    this.heap.remove(this.spins + vcpu.id)
    if (pcpu.current !== vcpu) return
    pcpu.current = undefined
    pcpu.idleSince = this.now
    this.timeline?.off(vcpu, pcpu, this.now)
    this.runNext(pcpu)
  }

  private sliceOver(pcpu: Pcpu): void {
    const { current } = pcpu
    if (current === undefined || pcpu.queue.length === 0) return
    current.mustYield = true
    if (!current.guest.inGuest(current.index)) return
    this.suspend(current)
    this.begin(current, 0)
  }

  private spunTooLong(vcpu: Vcpu): void {
    const pcpu = this.scheduler.pcpus[vcpu.pcpu]!
    if (vcpu.state !== STATE.spinning || pcpu.queue.length === 0) return
    if (!vcpu.guest.inGuest(vcpu.index)) return
    this.exits++
    if (this.host.boost === 'none' || (this.host.boost !== 'yield' && !this.boostTarget(vcpu))) {
      // The window grows while nothing comes of it.
      this.heap.set(this.spins + vcpu.id, this.now + (32 * this.host.pleWindow) / this.costs.ghz)
      return
    }
    vcpu.mustYield = true
    this.suspend(vcpu)
    this.begin(vcpu, 0)
  }

  /** `kvm_vcpu_on_spin()`: of the own guest's vCPUs that wait to run, one in kernel mode, or with an interrupt to take, goes first. */
  private boostTarget(vcpu: Vcpu): boolean {
    const { peers } = vcpu
    const first = this.random.below(peers.length)
    for (let i = 0; i < peers.length; i++) {
      const other = peers[(first + i) % peers.length]!
      if (other.state !== STATE.queued) continue
      const wanted = this.host.boost === 'ipi-targets' ? other.pending : inKernel(other)
      if (!wanted) continue
      this.scheduler.boost(other)
      const pcpu = this.scheduler.pcpus[other.pcpu]!
      const { current } = pcpu
      if (current === undefined || current === vcpu || current.guest === vcpu.guest) continue
      this.heap.set(this.slices + pcpu.id, this.now)
      return true
    }
    return false
  }

  /** The host takes a vCPU off its pCPU, between two operations of the guest: its hypervisor's code runs first. */
  private preempt(vcpu: Vcpu): void {
    if (vcpu.preemption < 0) {
      vcpu.mustYield = false
      this.deschedule(vcpu)
      return
    }
    const source = vcpu.sources[vcpu.preemption]!
    vcpu.guest.memory.acting = vcpu.index
    const raw = this.forceEnter(vcpu)
    const { fn, args } = source.frame(raw)
    vcpu.mustYield = false
    this.exits++
    this.push(vcpu, fn(...args), false, true)
  }

  private forceEnter(vcpu: Vcpu): number {
    const source = vcpu.sources[vcpu.preemption]!
    const { memory } = vcpu.guest
    memory.set(source.footprint.reads![0]!, 1)
    const raw = source.enter(memory)
    memory.touched.length = 0
    return raw
  }

  /** Back to the queue. */
  private deschedule(vcpu: Vcpu): void {
    const pcpu = this.scheduler.pcpus[vcpu.pcpu]!
    vcpu.state = STATE.queued
    vcpu.since = this.now
    pcpu.queue.push(vcpu)
    this.release(vcpu)
  }

  /** At `WAIT_TO_RUN`: whether the vCPU has been chosen to run again; otherwise it leaves its pCPU now. */
  private chosen(vcpu: Vcpu): boolean {
    const frame = vcpu.top!
    if (frame.remaining === 0) return true
    if (vcpu.halt !== undefined) {
      vcpu.state = STATE.halted
      vcpu.since = this.now
      this.release(vcpu)
      // What it sleeps for may have come in the meantime.
      if (vcpu.pending || vcpu.softirqs.length > 0 || vcpu.halt?.guard?.(vcpu.guest.memory) === true)
        this.wake(vcpu)
    } else {
      this.deschedule(vcpu)
    }
    return false
  }

  private goToSleep(vcpu: Vcpu, halt: Halt): void {
    if (vcpu.state !== STATE.running) return
    vcpu.halt = halt
    this.watch(vcpu, halt)
    if (this.host.virtual && vcpu.preemption >= 0 && vcpu.guest.inGuest(vcpu.index)) {
      this.preempt(vcpu)
      this.begin(vcpu, this.costs.exit / 2)
      return
    }
    vcpu.state = STATE.halted
    vcpu.since = this.now
    this.release(vcpu)
  }

  private wake(vcpu: Vcpu): void {
    if (vcpu.state !== STATE.halted) return
    this.account(vcpu, ACCOUNT.idle)
    this.unwatch(vcpu)
    vcpu.halt = undefined
    if (vcpu.agent) {
      vcpu.state = STATE.running
      this.begin(vcpu, 0)
      return
    }
    const frame = vcpu.top
    if (waitsToRun(frame?.operation)) frame!.remaining = -1
    vcpu.delay = this.costs.wake
    this.enqueue(vcpu)
  }
}

/** The host's code stands where it waits until its vCPU runs again. */
function waitsToRun(operation: Operation<unknown> | undefined): boolean {
  return operation === WAIT_TO_RUN || operation === WAIT_TO_RUN_OR_VECTOR
}

/** The vCPU was taken off its pCPU in kernel mode: the operation of the guest's that was interrupted is no user code. */
function inKernel(vcpu: Vcpu): boolean {
  const interrupted = vcpu.stack.findLast(
    (frame) => !frame.handler && frame.operation !== undefined,
  )?.operation
  return !(interrupted instanceof Spend && interrupted.account === ACCOUNT.user)
}
