/**
 * Waiting on the pCPU: a guard that is false makes the vCPU spin until somebody writes a cell that the guard looks at. Of a
 * guard in parts, one part at a time is looked at, the first that is false: so waiting for many costs as much as there are.
 */
import type { Memory, Operation } from '../../core/operation.ts'
import { accountOf } from '../kind-costs.ts'
import { ReadCells, WATCHED } from '../memory.ts'
import { Halt } from '../operations.ts'
import { ACCOUNT, hasPlace, type LiveFrame, STATE, takePlace, type Vcpu } from '../vcpu.ts'
import { Watchers } from '../watchers.ts'
import type { Parts } from './parts.ts'

export class Waits {
  private readonly parts: Parts
  private readonly reads = new ReadCells()

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** The guard of a vCPU's operation is false. */
  block(vcpu: Vcpu, operation: Operation<unknown>): void {
    const { agenda, host, scheduler, sleep, spinExits } = this.parts
    const frame = vcpu.top!
    frame.remaining = 0
    agenda.cancelStep(vcpu)
    if (operation.timing instanceof Halt) {
      sleep.goToSleep(vcpu, operation)
      return
    }
    if (vcpu.state !== STATE.spinning) {
      vcpu.accountUntil(agenda.now, accountOf(operation, frame.handler))
      vcpu.state = STATE.spinning
      this.watch(vcpu, operation)
    } else if (operation.conjuncts !== undefined) {
      this.unwatch(vcpu)
      this.watch(vcpu, operation)
    }
    if (!host.virtual || vcpu.agent) return
    const waiting = scheduler.pcpus[vcpu.pcpu]!.queue.length
    if ((host.pleWindow > 0 && waiting > 0) || spinExits.sleepsFor(vcpu, operation)) spinExits.limit(vcpu)
  }

  /** Where the time of a vCPU that spins goes. */
  account(vcpu: Vcpu): number {
    return vcpu.top?.operation?.kind === 'lock' ? ACCOUNT.locks : ACCOUNT.ackWait
  }

  /** From now on, a change of a cell that the guard looks at is noticed. */
  watch(vcpu: Vcpu, operation: Operation<unknown>): void {
    const frame = vcpu.top
    if (frame !== undefined && hasPlace(frame)) {
      vcpu.watching = takePlace(frame)
      return
    }
    const { conjuncts } = operation
    if (conjuncts !== undefined && this.watchFrom(vcpu, conjuncts, 0)) return
    const { loads = [], reads = [] } = operation.footprint()
    this.watchCells(vcpu, loads.length === 0 ? reads : reads.length === 0 ? loads : [...loads, ...reads])
  }

  /** Watches the first part of a guard, from one of them on, that is false; false if there is none. */
  private watchFrom(vcpu: Vcpu, conjuncts: readonly ((memory: Memory) => boolean)[], first: number): boolean {
    const { memory } = vcpu.guest
    for (let i = first; i < conjuncts.length; i++) {
      if (conjuncts[i]!(memory)) continue
      vcpu.waitsForPart = i
      this.watchCells(vcpu, this.reads.of(memory, conjuncts[i]!))
      return true
    }
    return false
  }

  private watchCells(vcpu: Vcpu, cells: readonly number[]): void {
    const { watchers } = vcpu
    const { flags } = vcpu.guest.memory
    vcpu.watching = cells
    for (const cell of cells) {
      let known = watchers.get(cell)
      if (known === undefined) {
        known = new Watchers()
        watchers.set(cell, known)
      }
      known.add(vcpu)
      flags[cell]! |= WATCHED
    }
  }

  unwatch(vcpu: Vcpu): void {
    const { watchers, watching } = vcpu
    const { flags } = vcpu.guest.memory
    for (const cell of watching) {
      const known = watchers.get(cell)
      if (known === undefined) continue
      if (known.count > 1) {
        known.remove(vcpu)
        continue
      }
      watchers.delete(cell)
      flags[cell]! &= ~WATCHED
    }
    vcpu.watching = NO_CELLS
  }

  /** A guard has come true: how long that took. */
  note(vcpu: Vcpu, operation: Operation<unknown>): void {
    const { agenda, counts, timeline } = this.parts
    const waited = agenda.now - vcpu.since
    if (operation.kind === 'wait' && operation.host !== true) {
      counts.ackWaits.add(waited)
      timeline?.span(vcpu, operation.label, vcpu.since, agenda.now)
    } else if (operation.kind === 'lock') counts.lockWaits.add(waited)
  }

  /**
   * A vCPU that spins is interrupted. Who waits for a spinlock keeps its place in the queue; if it was about to take another
   * lock, the next one may.
   */
  interrupt(vcpu: Vcpu): void {
    const { agenda } = this.parts
    const frame = vcpu.top!
    const lock = frame.operation!.kind === 'lock'
    if (lock) this.keepPlace(vcpu, frame)
    const { watching } = vcpu
    const passesOn = lock && agenda.stepOf(vcpu) !== undefined
    this.end(vcpu)
    agenda.cancelStep(vcpu)
    if (passesOn) for (const cell of watching) this.wake(vcpu, cell)
  }

  /** A spinlock is one word: its waiters are a queue. */
  keepPlace(vcpu: Vcpu, frame: LiveFrame): void {
    if (vcpu.watching.length !== 1) return
    frame.place = vcpu.watching
    vcpu.watching = NO_CELLS
  }

  /** A vCPU that had a place in the queue of a lock has got it without spinning again. */
  leaveQueue(vcpu: Vcpu, frame: LiveFrame): void {
    vcpu.watching = takePlace(frame)
    this.unwatch(vcpu)
  }

  /** A wait on the pCPU is over. */
  end(vcpu: Vcpu): void {
    const { agenda } = this.parts
    vcpu.account(agenda.now, this.account(vcpu))
    vcpu.state = STATE.running
    this.unwatch(vcpu)
    agenda.cancelSpin(vcpu)
  }

  /** Something has come for a vCPU that is not delivered to it: if it spins on a guard that is true by now, it goes on. */
  look(vcpu: Vcpu): void {
    const { agenda, costs } = this.parts
    if (vcpu.state !== STATE.spinning || agenda.stepOf(vcpu) !== undefined) return
    const { memory } = vcpu.guest
    memory.acting = vcpu.index
    if (vcpu.top?.operation?.guard?.(memory) === true) agenda.setStep(vcpu, agenda.now + costs.line)
  }

  /**
   * A cell that somebody waits for has changed. Of those who wait for a lock only the first can go on: who takes it changes the
   * cell again, and whoever can go on beside (another reader) is found then. While the first of a spinlock's queue is off its
   * pCPU, the lock is for nobody but who comes anew and finds it free; if it sleeps, it is kicked.
   */
  wake(by: Vcpu, cell: number): void {
    const { agenda, costs, sleep, spinExits } = this.parts
    const { memory } = by.guest
    const watchers = by.watchers.get(cell)
    if (watchers === undefined) return
    let locked = false
    for (const vcpu of watchers.all()) {
      if (!vcpu.watching.includes(cell)) locked = true
      else if (vcpu.state === STATE.spinning) {
        const operation = vcpu.top!.operation!
        const lock = operation.kind === 'lock'
        if (lock && locked) continue
        const woken = agenda.stepOf(vcpu) !== undefined
        if (!woken && !this.holds(vcpu, operation)) continue
        if (!woken) agenda.setStep(vcpu, agenda.now + costs.line)
        locked ||= lock
      } else if (vcpu.state === STATE.halted && vcpu.halt?.guard?.(memory) === true) {
        if (vcpu.halt.kind === 'lock') {
          if (locked) continue
          locked = true
          spinExits.kick(by)
        }
        sleep.wake(vcpu)
      }
    }
  }

  /** Whether the guard of a vCPU that spins has come true, as far as it has not been seen before. */
  private holds(vcpu: Vcpu, { guard, conjuncts }: Operation<unknown>): boolean {
    const { memory } = vcpu.guest
    const { acting } = memory
    memory.acting = vcpu.index
    let holds: boolean
    if (conjuncts === undefined) holds = guard?.(memory) ?? true
    else {
      holds = conjuncts[vcpu.waitsForPart]!(memory)
      if (holds) {
        this.unwatch(vcpu)
        holds = !this.watchFrom(vcpu, conjuncts, vcpu.waitsForPart + 1)
      }
    }
    memory.acting = acting
    return holds
  }
}

const NO_CELLS: readonly number[] = []
