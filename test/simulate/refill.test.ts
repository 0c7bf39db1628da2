/** Refilling the TLB after flushes: user code pays for the cold pages that it meets, by and by. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resolveCosts } from '../../src/simulate/cost-model.ts'
import { costModel } from '../../src/simulate/costs/registry.ts'
import type { Parts } from '../../src/simulate/engine/parts.ts'
import { Refill } from '../../src/simulate/engine/refill.ts'
import { checkHost, type HostInput } from '../../src/simulate/host.ts'
import type { Vcpu } from '../../src/simulate/vcpu.ts'

/** What refilling needs of an engine and of a vCPU; what it charges is summed. */
function world(machine: HostInput = {}) {
  const host = checkHost(machine, 'test')
  const costs = resolveCosts(costModel(host.costModel), host.costs, host.pti)
  const refill = new Refill({ host, costs, agenda: { now: 0 } } as unknown as Parts)
  const charged = { sum: 0 }
  const chargeAhead = (_account: number, _now: number, nanoseconds: number) => {
    charged.sum += nanoseconds
  }
  return { refill, costs, charged, vcpu: { coldPages: 0, chargeAhead } as unknown as Vcpu }
}

const nanoseconds = fc.double({ min: 0, max: 1e6, noNaN: true })

describe('refilling', () => {
  it('costs the working set once, however the time after a flush is cut up', () => {
    fc.assert(
      fc.property(nanoseconds, nanoseconds, (first, second) => {
        const [whole, parts] = [world(), world()]
        whole.refill.flushedAll(whole.vcpu)
        parts.refill.flushedAll(parts.vcpu)
        const once = whole.refill.meets(whole.vcpu, first + second)
        const twice = parts.refill.meets(parts.vcpu, first) + parts.refill.meets(parts.vcpu, second)
        expect(twice).toBeCloseTo(once, 3)
        expect(once).toBeLessThanOrEqual(256 * whole.costs.refill + 1e-9)
        expect(whole.charged.sum).toBe(once)
      }),
    )
  })

  it('costs more the longer user code runs, up to all of it', () => {
    const after = (time: number) => {
      const { refill, vcpu } = world()
      refill.flushedAll(vcpu)
      return refill.meets(vcpu, time)
    }
    fc.assert(fc.property(nanoseconds, nanoseconds, (a, b) => a > b || after(a) <= after(b)))
    expect(after(0)).toBe(0)
    expect(after(100)).toBeLessThan(0.05 * after(1e6))
    expect(after(1e6)).toBeCloseTo(256 * world().costs.refill, 3)
  })

  it('is of single pages after INVLPG, of all with a deferred flush of the user half, and dearer in a guest', () => {
    const afterOne = (machine: HostInput) => {
      const { refill, vcpu } = world({ pcpus: 1, ...machine })
      refill.flushedPage(vcpu)
      return refill.meets(vcpu, 1e6)
    }
    const { costs } = world()
    expect(afterOne({})).toBeCloseTo(costs.refill, 6)
    expect(afterOne({ virtual: true })).toBeCloseTo(costs.refill * costs.nestedFactor, 6)
    expect(afterOne({ pti: true, ptiFlush: 'deferred' })).toBeCloseTo(256 * costs.refill, 3)
  })

  it('is all there is at once where pages come after no time', () => {
    const { refill, costs, vcpu } = world({ costs: { pageVisit: 0 } })
    refill.flushedAll(vcpu)
    expect(refill.meets(vcpu, 0)).toBeCloseTo(256 * costs.refill, 6)
    expect(refill.meets(vcpu, 1000)).toBe(0)
  })

  it('is nothing where there is nothing to come back to', () => {
    const { refill, vcpu } = world({ workingSet: 0 })
    refill.flushedAll(vcpu)
    expect(refill.meets(vcpu, 0)).toBe(0)
    expect(refill.meets(vcpu, 1000)).toBe(0)
  })
})
