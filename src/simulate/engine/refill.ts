/**
 * What a flush costs afterwards: user code comes back to pages whose translations are gone. It comes back to some page of its
 * working set every so often, and walks for it if it is a cold one; so the fewer pages are cold, the more seldom it meets one, and
 * code that runs for a short while meets few.
 */
import { ACCOUNT, type Vcpu } from '../vcpu.ts'
import type { Parts } from './parts.ts'

/** Pages that user code comes back to, of programs that nobody has said anything else of. */
const WORKING_SET = 256

export class Refill {
  private readonly parts: Parts
  /** Pages that are cold when everything is. */
  private readonly pages: number
  /** Nanoseconds that one takes; and in which user code comes back to as many pages as there are. */
  private readonly perPage: number
  private readonly round: number
  /** Where the user half is flushed on the way back to user mode, that flush takes everything. */
  private readonly deferred: boolean

  constructor(parts: Parts) {
    const { costs, host } = parts
    this.parts = parts
    this.pages = Math.min(host.workingSet ?? WORKING_SET, costs.tlbEntries)
    this.perPage = costs.refill * (host.virtual ? costs.nestedFactor : 1)
    this.round = this.pages * costs.pageVisit
    this.deferred = host.pti && host.ptiFlush === 'deferred'
  }

  /** Everything has been flushed. */
  flushedAll(vcpu: Vcpu): void {
    vcpu.coldPages = this.pages
  }

  /** One page has. */
  flushedPage(vcpu: Vcpu): void {
    vcpu.coldPages = this.deferred ? this.pages : Math.min(this.pages, vcpu.coldPages + 1)
  }

  /** User code is about to run for some nanoseconds; gives how much longer it takes. */
  meets(vcpu: Vcpu, nanoseconds: number): number {
    const { coldPages } = vcpu
    if (coldPages === 0) return 0
    const met = this.round === 0 ? coldPages : coldPages * -Math.expm1(-nanoseconds / this.round)
    vcpu.coldPages = coldPages - met
    const taken = met * this.perPage
    vcpu.chargeAhead(ACCOUNT.refill, this.parts.agenda.now, taken)
    return taken
  }
}
