/** Waiting on the pCPU: a guard that is false makes the vCPU spin until somebody writes a cell that the guard looks at. */
import type { Operation } from '../../core/operation.ts'
import { accountOf } from '../kind-costs.ts'
import { WATCHED } from '../memory.ts'
import { Halt } from '../operations.ts'
import { ACCOUNT, STATE, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

export class Waits {
  private readonly parts: Parts

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
    }
    const waiting = scheduler.pcpus[vcpu.pcpu]!.queue.length
    if (host.virtual && !vcpu.agent && host.pleWindow > 0 && waiting > 0) spinExits.limit(vcpu)
  }

  /** Where the time of a vCPU that spins goes. */
  account(vcpu: Vcpu): number {
    return vcpu.top?.operation?.kind === 'lock' ? ACCOUNT.locks : ACCOUNT.ackWait
  }

  /** From now on, a change of a cell that the guard looks at is noticed. */
  watch(vcpu: Vcpu, operation: Operation<unknown>): void {
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

  unwatch(vcpu: Vcpu): void {
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

  /** A guard has come true: how long that took. */
  note(vcpu: Vcpu, operation: Operation<unknown>): void {
    const { agenda, counts, timeline } = this.parts
    const waited = agenda.now - vcpu.since
    if (operation.kind === 'wait' && operation.host !== true) {
      counts.ackWaits.add(waited)
      timeline?.span(vcpu, operation.label, vcpu.since, agenda.now)
    } else if (operation.kind === 'lock') counts.lockWaits.add(waited)
  }

  /** A wait on the pCPU is over, or is interrupted. */
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
   * A cell that somebody waits for has changed. A lock goes to who has spun longest (queued spinlocks); whoever gets it
   * writes the cell again.
   */
  wake(by: Vcpu, cell: number): void {
    const { agenda, costs, sleep } = this.parts
    const { memory } = by.guest
    const watchers = by.watchers.get(cell)
    if (watchers === undefined) return
    let granted = false
    for (const vcpu of [...watchers]) {
      if (vcpu.state === STATE.spinning) {
        const operation = vcpu.top!.operation!
        if (granted && operation.kind === 'lock') continue
        const acting = memory.acting
        memory.acting = vcpu.index
        const holds = operation.guard?.(memory) ?? true
        memory.acting = acting
        if (!holds) continue
        granted ||= operation.kind === 'lock'
        if (agenda.stepOf(vcpu) === undefined) agenda.setStep(vcpu, agenda.now + costs.line)
      } else if (vcpu.state === STATE.halted && vcpu.halt?.guard?.(memory) === true) {
        sleep.wake(vcpu)
      }
    }
  }
}
