/** What operations do beside their effect on cells: lines that have to be fetched, IPIs, TLBs to be refilled, who is woken. */
import type { Cell } from '../../core/cells.ts'
import type { Operation } from '../../core/operation.ts'
import { Delivery } from '../delivery.ts'
import { WATCHED } from '../memory.ts'
import { CallRcu, Contended } from '../operations.ts'
import { ACCOUNT, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

export class Effects {
  readonly delivery: Delivery
  private readonly parts: Parts
  /** When the last broadcast invalidation has been taken everywhere. */
  private broadcastFree = 0

  constructor(parts: Parts) {
    const { costs, host } = parts
    this.parts = parts
    this.delivery = new Delivery(host, costs, parts.scheduler)
  }

  /** A line comes from another CPU; locked instructions on the same line queue for it. Gives how long that takes. */
  fetchLine(vcpu: Vcpu, operation: Operation<unknown>): number {
    const { agenda, costs, scheduler } = this.parts
    const { memory } = vcpu.guest
    const { pcpus } = scheduler
    const from = memory.missedFrom < 0 ? vcpu : vcpu.peers[memory.missedFrom]!
    const here = pcpus[vcpu.pcpu]!
    const there = pcpus[from.pcpu]!
    const near = there.cache === here.cache ? costs.line : costs.lineAcross
    const cost = there.socket === here.socket ? near : costs.lineFar
    let taken = cost
    if (operation.kind === 'rmw' || operation.kind === 'lock') {
      const start = Math.max(agenda.now, memory.lineFree[memory.missed]!)
      const held = operation.timing instanceof Contended ? cost * operation.timing.times : cost
      memory.lineFree[memory.missed] = start + held
      taken = start + held - agenda.now
    }
    vcpu.chargeAhead(ACCOUNT.lines, agenda.now, taken)
    return taken
  }

  /** What some kinds of operation do. Gives time that the CPU spends on it. */
  special(vcpu: Vcpu, operation: Operation<unknown>, raw: number): number {
    const { agenda, callbacks, costs, counts, host, refill } = this.parts
    switch (operation.kind) {
      case 'ipi': {
        const sent = this.delivery.send(vcpu, operation)
        counts.exits += sent.exits
        vcpu.chargeAhead(ACCOUNT.send, agenda.now, sent.busy)
        if (host.pvSchedYield) this.parts.spinExits.yieldToTarget(vcpu, operation)
        return sent.busy
      }
      case 'invlpg':
        refill.flushedPage(vcpu)
        return 0
      case 'cr3':
      case 'cr4':
      case 'invpcid':
        counts.fullFlushes++
        refill.flushedAll(vcpu)
        return 0
      case 'cli':
        if (raw === 1) vcpu.irqsOffSince = agenda.now
        return 0
      case 'sti':
      case 'iret':
        if (vcpu.irqsOffSince >= 0 && vcpu.guest.interruptsOn(vcpu.index)) {
          counts.irqsOff.add(agenda.now - vcpu.irqsOffSince)
          vcpu.irqsOffSince = -1
        }
        return 0
      case 'vmexit':
        counts.exits++
        return 0
      case 'tlbsync': {
        // Broadcasts are taken by all CPUs one after the other.
        const start = Math.max(agenda.now, this.broadcastFree)
        this.broadcastFree = start + costs.tlbsync
        const taken = this.broadcastFree - agenda.now
        vcpu.chargeAhead(ACCOUNT.flush, agenda.now, taken)
        return taken
      }
      case 'rcu':
        if (operation.timing instanceof CallRcu) callbacks.queue(vcpu, operation.timing)
        return 0
      default:
        return 0
    }
  }

  /** Cells with somebody behind them have changed. */
  changed(by: Vcpu, operation: Operation<unknown>): void {
    const { agenda, interrupts, timeline, waits } = this.parts
    const { guest, peers } = by
    const { memory } = guest
    let target = 0
    for (let i = 0; i < memory.touchedCount; i++) {
      const cell = memory.touched[i]!
      for (const process of guest.raised(cell)) {
        const vcpu = peers[process]!
        if (vcpu === by || memory.peek(cell as Cell) === 0) {
          vcpu.pending = true
          continue
        }
        if (operation.kind === 'ipi') {
          if (operation.host !== true) this.parts.counts.ipis++
          timeline?.send(by, vcpu, agenda.now, operation.host === true ? 'host' : 'guest')
        }
        interrupts.raise(vcpu, this.delivery.latency(by, vcpu, operation, target++, agenda.now))
      }
      if (memory.flags[cell]! & WATCHED) waits.wake(by, cell)
    }
    memory.touchedCount = 0
  }
}
