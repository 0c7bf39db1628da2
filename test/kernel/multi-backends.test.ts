/** Today's KVM, Xen and INVLPGB backends, which recordings are replayed on: every interleaving with switches and lazy CPUs. */
import { describe, expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import * as switching from '../../src/scenarios/switching.ts'

const BACKENDS = ['kvm-now', 'xen-now', 'invlpgb-now']

describe.each(BACKENDS)('%s', (flush) => {
  const options = { ...DEFAULT_OPTIONS, flush }
  it.each([switching.lazyPages, switching.lazyFreedTablesFixed])('$name is safe', (scenario) => {
    expect(check(scenario.build(options)).verdict).toBe('safe')
  })
})

it('a CPU that KVM or INVLPGB leaves out needs the barrier behind is_lazy where the native way leaves it out', () => {
  const program = switching.lazyPages.build({ ...DEFAULT_OPTIONS, flush: 'kvm-now' })
  const without = new Set(['switch_mm_irqs_off, leaving lazy mode: smp_mb'])
  expect(check(program, { without }).verdict).toBe('unsafe')
})

it('a preempted vCPU that is not flushed when it runs again uses what it held', () => {
  const program = switching.lazyPages.build({ ...DEFAULT_OPTIONS, flush: 'kvm-now' })
  expect(check(program, { without: new Set(['record_steal_time: flush guest TLB']) }).verdict).toBe('unsafe')
})

it("Xen's wait is what its flush rests on", () => {
  const program = switching.lazyPages.build({ ...DEFAULT_OPTIONS, flush: 'xen-now' })
  expect(check(program, { without: new Set(['flush_area_mask: wait']) }).verdict).toBe('unsafe')
})
