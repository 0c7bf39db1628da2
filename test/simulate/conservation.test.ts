import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Cell } from '../../src/core/cells.ts'
import type { Engine } from '../../src/simulate/engine.ts'
import { checkHost, type HostInput } from '../../src/simulate/host.ts'
import { prepareRun, type RunSpec, simulate } from '../../src/simulate/run.ts'
import { STATE } from '../../src/simulate/vcpu.ts'

/** Machines, backends and workloads of all sorts. */
const specs: fc.Arbitrary<RunSpec> = fc
  .record({
    pcpus: fc.integer({ min: 1, max: 6 }),
    vcpus: fc.integer({ min: 2, max: 6 }),
    vms: fc.integer({ min: 1, max: 2 }),
    sockets: fc.integer({ min: 1, max: 2 }),
    slice: fc.constantFrom(100, 700, 3000),
    apic: fc.constantFrom<NonNullable<HostInput['apic']>>('xapic', 'x2apic-physical', 'x2apic-cluster'),
    postedInterrupts: fc.boolean(),
    pvIpi: fc.boolean(),
    pti: fc.boolean(),
    pleWindow: fc.constantFrom(0, 4096),
    boost: fc.constantFrom<NonNullable<HostInput['boost']>>('none', 'yield', 'in-kernel', 'ipi-targets'),
    workload: fc.constantFrom(
      'munmap-storm',
      'gup-storm',
      'ebizzy',
      'tlb-flush',
      'compile',
      'ipi',
      'reclaim',
    ),
    flush: fc.constantFrom('native', 'hyperv', 'xen', 'kvm', 'serialize'),
    free: fc.constantFrom('immediate', 'rcu'),
    idle: fc.constantFrom(0, 0.4),
    seed: fc.nat(1000),
  })
  .map(({ workload, flush, free, idle, seed, ...machine }) => ({
    workload,
    host: checkHost(
      { ...machine, sockets: Math.min(machine.sockets, machine.pcpus), virtual: true },
      'test',
      flush,
    ),
    flush,
    free,
    profile: 'tlfs',
    knobs: { idle, targets: machine.vcpus - 1 },
    seed,
    milliseconds: 0.6,
  }))

/** Every vCPU is in exactly one place: on one pCPU, in one queue, or in none while it sleeps. */
function checkPlaces({ scheduler, vcpus }: Engine): void {
  for (const vcpu of vcpus) {
    if (vcpu.agent) continue
    const running = scheduler.pcpus.filter((pcpu) => pcpu.current === vcpu)
    const queued = scheduler.pcpus.flatMap((pcpu) => pcpu.queue.filter((other) => other === vcpu))
    const on = vcpu.state === STATE.running || vcpu.state === STATE.spinning
    expect(running.map((pcpu) => pcpu.id)).toEqual(on ? [vcpu.pcpu] : [])
    expect(queued).toHaveLength(vcpu.state === STATE.queued ? 1 : 0)
  }
}

describe('whatever the machine', () => {
  it('a run is the same again with the same seed', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        expect(simulate(spec)).toEqual(simulate(spec))
      }),
      { seed: 11, numRuns: 25 },
    )
  })

  it('no time is lost or made, no vCPU is in two places, and IPIs that are sent are taken once', () => {
    fc.assert(
      fc.property(specs, (spec) => {
        const { engine, vms } = prepareRun(spec)
        for (let step = 1; step <= 40; step++) {
          const until = step * 17_000
          engine.run(until)
          checkPlaces(engine)
          for (const vcpu of engine.vcpus) {
            if (vcpu.agent) continue
            const spent = vcpu.spent.reduce((sum, account) => sum + account, 0)
            // What is under way may have been charged ahead.
            expect(spent).toBeCloseTo(Math.max(until, vcpu.since), 3)
            expect(Math.min(...vcpu.spent)).toBeGreaterThanOrEqual(-1e-6)
          }
        }
        const pending = vms.flatMap(({ guest, kernel }) =>
          kernel.smp.vector.pending.filter((cell: Cell) => guest.memory.peek(cell) === 1),
        )
        expect(engine.counts.ipis).toBe(engine.counts.interrupts + pending.length)
      }),
      { seed: 12, numRuns: 40 },
    )
  })
})
