/**
 * Running operations: a vCPU's generators go on to their next operation, which takes its time and then has its effect, unless
 * its guard is false.
 */
import { GuestProgramError } from '../../core/errors.ts'
import { Operation, type Task } from '../../core/operation.ts'
import { accountOf, IS_SPECIAL, kindCosts } from '../kind-costs.ts'
import { isUserCode, Now, Spend } from '../operations.ts'
import { ACCOUNT, hasPlace, LiveFrame, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'
import { waitsToRun } from './sleep.ts'

/** `next()` of every generator: looked up once, because each kind of generator has a prototype of its own. */
const resume: Task<unknown>['next'] = Object.getPrototypeOf(function* () {}).prototype.next

/** Instantaneous operations in a row before a program is said not to let time pass. */
const MOST_WITHOUT_TIME = 1_000_000

export class Execution {
  private readonly parts: Parts
  private readonly kinds: ReturnType<typeof kindCosts>
  private readonly coresAreShared: boolean

  constructor(parts: Parts) {
    this.parts = parts
    this.kinds = kindCosts(parts.costs, parts.host)
    this.coresAreShared = parts.host.smt > 1
  }

  /** The operation under way has taken its time: it happens, unless its guard is false. */
  complete(vcpu: Vcpu): void {
    const frame = vcpu.top
    const operation = frame?.operation
    const extra = frame === undefined || operation === undefined ? 0 : this.attempt(vcpu, frame, operation)
    if (extra >= 0) this.begin(vcpu, extra)
  }

  /** Makes the operation happen; gives what it costs beyond its time, or -1 when its guard holds it back. */
  attempt(vcpu: Vcpu, frame: LiveFrame, operation: Operation<unknown>): number {
    const { parts } = this
    const { agenda } = parts
    const { memory } = vcpu.guest
    memory.acting = vcpu.index
    if (operation.guard !== undefined) {
      memory.missed = -1
      if (!operation.guard(memory)) {
        parts.waits.block(vcpu, operation)
        return -1
      }
    }
    if (vcpu.state === STATE.spinning) {
      parts.waits.note(vcpu, operation)
      parts.waits.end(vcpu)
    } else if (hasPlace(frame)) parts.waits.leaveQueue(vcpu, frame)
    parts.counts.operations++
    vcpu.accountUntil(agenda.now, accountOf(operation, frame.handler))
    memory.missed = -1
    let extra = 0
    let raw = 0
    try {
      raw = operation.apply(memory, operation.choices > 1 ? parts.random.below(operation.choices) : 0)
      if (operation.commit !== undefined) operation.commit.apply(memory)
      if (memory.missed >= 0) extra = parts.effects.fetchLine(vcpu, operation)
      if (IS_SPECIAL[operation.kindNumber] !== 0) extra += parts.effects.special(vcpu, operation, raw)
      else if (operation.timing !== undefined && operation.timing instanceof Now) raw = agenda.now
      if (memory.touchedCount > 0) parts.effects.changed(vcpu, operation)
      frame.operation = undefined
      this.advance(vcpu, operation.decode(raw))
    } catch (error) {
      throw error instanceof Error && !(error instanceof GuestProgramError)
        ? new GuestProgramError(
            'guest-throws',
            `"${operation.label}" at ${agenda.now.toFixed(0)} ns: ${error.message}`,
          )
        : error
    }
    return extra
  }

  /** Puts code on top of a vCPU's stack, and lets it run to its first operation. */
  push(vcpu: Vcpu, task: Task<unknown>, handler: boolean): void {
    vcpu.top = new LiveFrame(task, vcpu.top, false, handler)
    this.advance(vcpu, undefined)
  }

  /** Lets the code on top run to its next operation, through calls and returns. */
  private advance(vcpu: Vcpu, given: unknown): void {
    let value = given
    for (;;) {
      const frame = vcpu.top
      if (frame === undefined) return
      const { done, value: step } = resume.call(frame.task, value)
      if (done) {
        vcpu.top = frame.below
        if (!frame.called) return
        value = step
      } else if (step instanceof Operation) {
        frame.operation = step
        frame.remaining = -1
        return
      } else {
        // The bookkeeping of the function that flushes, on this CPU and wherever it is called through a pointer.
        if (frame.handler || step.fn === vcpu.guest.flushFunction)
          vcpu.overhead += this.parts.costs.flushFunction
        vcpu.top = new LiveFrame(step.fn(...step.args), frame, true, frame.handler)
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
  begin(vcpu: Vcpu, extra: number): number {
    const { parts } = this
    let before = extra
    for (let turns = 0; turns < MOST_WITHOUT_TIME; turns++) {
      if (vcpu.mustYield && vcpu.guest.inGuest(vcpu.index)) {
        parts.hostScheduling.preempt(vcpu)
        if (vcpu.state !== STATE.running) return -1
      }
      if (vcpu.pending || vcpu.softirqs.length > 0) before += parts.interrupts.deliver(vcpu)
      const frame = vcpu.top
      if (frame === undefined) return this.ended(vcpu)
      const operation = frame.operation
      if (operation === undefined) {
        // A handler that yields nothing has ended at once.
        this.advance(vcpu, undefined)
        continue
      }
      if (waitsToRun(operation) && vcpu.state === STATE.running && !parts.sleep.chosen(vcpu)) return -1
      if (frame.remaining < 0) {
        frame.remaining = this.costOf(vcpu, operation)
        if (this.coresAreShared) frame.remaining *= this.slowdown(vcpu, operation)
      } else if (vcpu.coldPages > 0 && isUserCode(operation)) {
        // It was interrupted, perhaps by a flush.
        frame.remaining += parts.refill.meets(vcpu, frame.remaining)
      }
      const time = frame.remaining + before
      if (time > 0 || operation.guard !== undefined) {
        const due = parts.agenda.now + time
        frame.remaining = time
        parts.agenda.setStep(vcpu, due)
        return due
      }
      const more = this.attempt(vcpu, frame, operation)
      if (more < 0) return -1
      before += more
    }
    throw new GuestProgramError(
      'guest-invalid',
      `${vcpu.name} goes on without time passing: "${vcpu.top?.operation?.label}"`,
    )
  }

  /** Stops the operation under way; what is left of it is done later. */
  suspend(vcpu: Vcpu): void {
    const { agenda, waits } = this.parts
    const frame = vcpu.top
    if (frame?.operation === undefined) return
    if (vcpu.state === STATE.spinning) {
      waits.interrupt(vcpu)
      frame.remaining = 0
      return
    }
    const due = agenda.stepOf(vcpu)
    if (due === undefined) return
    frame.remaining = Math.max(0, due - agenda.now)
    vcpu.accountUntil(agenda.now, accountOf(frame.operation, frame.handler))
    agenda.cancelStep(vcpu)
  }

  /** What the other threads of its core make of it; as they are when it begins. */
  private slowdown(vcpu: Vcpu, { timing }: Operation<unknown>): number {
    if (vcpu.agent || !this.parts.scheduler.pcpus[vcpu.pcpu]!.sharesCore) return 1
    return timing instanceof Spend && timing.account === ACCOUNT.idle ? 1 : this.parts.costs.sharedCore
  }

  private costOf(vcpu: Vcpu, operation: Operation<unknown>): number {
    const { timing } = operation
    if (timing !== undefined && timing instanceof Spend) {
      const { nanoseconds } = timing
      return timing.account === ACCOUNT.user
        ? nanoseconds + this.parts.refill.meets(vcpu, nanoseconds)
        : nanoseconds
    }
    const { overhead } = vcpu
    if (overhead === 0) return this.kinds[operation.kindNumber]!
    vcpu.overhead = 0
    return this.kinds[operation.kindNumber]! + overhead
  }

  /** A process has come to its end. */
  private ended(vcpu: Vcpu): number {
    if (vcpu.agent) {
      vcpu.state = STATE.halted
      this.parts.agenda.cancelStep(vcpu)
      return -1
    }
    vcpu.state = STATE.finished
    this.parts.hostScheduling.release(vcpu)
    return -1
  }
}
