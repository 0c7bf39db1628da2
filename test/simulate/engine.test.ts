import { describe, expect, it } from 'vitest'
import { checkHost, type HostInput } from '../../src/simulate/host.ts'
import { type RunResult, type RunSpec, simulate } from '../../src/simulate/run.ts'
import type { Knobs } from '../../src/simulate/workloads/workload.ts'

interface Setting {
  readonly workload?: string
  readonly flush?: string
  readonly free?: string
  readonly machine?: HostInput
  readonly knobs?: Partial<Knobs>
  readonly seed?: number
  readonly milliseconds?: number
}

function run(setting: Setting): RunResult {
  const {
    workload = 'munmap-storm',
    flush = 'native',
    free = 'rcu',
    machine = {},
    knobs = {},
    seed = 1,
  } = setting
  const spec: RunSpec = {
    workload,
    host: checkHost({ pcpus: 4, ...machine }, 'test', flush),
    flush,
    free,
    profile: 'tlfs',
    knobs,
    seed,
    milliseconds: setting.milliseconds ?? 3,
  }
  return simulate(spec)
}

describe('a run', () => {
  it('is the same again with the same seed, and another with another', () => {
    expect(run({ seed: 3 })).toEqual(run({ seed: 3 }))
    expect(run({ seed: 3 }).rate).not.toBe(run({ seed: 4 }).rate)
  })

  it('puts all time of all vCPUs on accounts', () => {
    const { shares } = run({ flush: 'kvm', machine: { vms: 2, vcpus: 4 } })
    expect(Object.values(shares).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6)
    expect(shares['not running']).toBeGreaterThan(0.4)
  })

  for (const flush of ['native', 'hyperv', 'xen', 'kvm', 'serialize', 'invlpgb']) {
    it(`never comes to a stop with ${flush}, two vCPUs for each pCPU, and meets no use after free`, () => {
      const machine = flush === 'invlpgb' ? {} : { vms: 2, vcpus: 4, virtual: true }
      const early = run({ flush, machine, milliseconds: 60 })
      const late = run({ flush, machine, milliseconds: 150 })
      expect(late.rate).toBeGreaterThan(0.3 * early.rate)
      expect(late.violations).toBe(0)
    })
  }

  it('takes vectors while the hypervisor spins for its lock: eight flushers under Xen do not wait for each other', () => {
    const machine = { pcpus: 8, vcpus: 8, virtual: true }
    const { rate, shares } = run({ workload: 'ebizzy', flush: 'xen', machine, milliseconds: 4 })
    expect(rate).toBeGreaterThan(0)
    expect(shares['ack wait']).toBeLessThan(0.2)
  })

  describe('a walker is preempted with interrupts off, and its tables are freed (the race of the thread)', () => {
    // Two vCPUs for each pCPU and short slices: preemptions have to hit walks of a few hundred nanoseconds.
    const race = (flush: string, free: string) =>
      run({
        workload: 'gup-storm',
        flush,
        free,
        machine: { pcpus: 4, vms: 2, vcpus: 4, virtual: true, scheduler: 'turns', slice: 100 },
        knobs: { think: 0.5, mmapLock: 'none' },
        milliseconds: 30,
      })

    for (const flush of ['hyperv', 'xen', 'kvm']) {
      it(`is met with ${flush}, when tables are freed at once, and not when they are freed by RCU`, () => {
        const immediate = race(flush, 'immediate')
        expect(immediate.violations).toBeGreaterThan(0)
        expect(immediate.violation).toMatch(/a walker reads PTE\[v\d*\] in page-table page T\d+, which/)
        expect(race(flush, 'rcu').violations).toBe(0)
      })
    }

    it('is not met when the flush waits for the walker to take an IPI', () => {
      expect(race('native', 'immediate').violations).toBe(0)
    })
  })
})

describe('how long a run lasts', () => {
  const seconds = (machine: HostInput) => {
    const host = checkHost(machine, 'test')
    const spec = { workload: 'ipi', host, flush: 'native', free: 'rcu', profile: 'tlfs', knobs: {}, seed: 1 }
    return simulate(spec).counts.simulatedSeconds
  }

  it('is some turns of the host where vCPUs share pCPUs, whatever the workload says', () => {
    expect(seconds({ pcpus: 2 })).toBe(0.005)
    expect(seconds({ pcpus: 1, vcpus: 1, vms: 2 })).toBe(0.096)
    expect(seconds({ pcpus: 1, vcpus: 1, vms: 2, slice: 1000 })).toBe(0.032)
    expect(seconds({ pcpus: 1, vcpus: 1, vms: 3, slice: 1000, scheduler: 'turns' })).toBe(0.012)
  })
})

describe('RCU under the clock', () => {
  it('lets tables wait for grace periods and gives them back: memory does not grow with time', () => {
    const short = run({ milliseconds: 30, machine: { pcpus: 2 } })
    const long = run({ milliseconds: 70, machine: { pcpus: 2 } })
    expect(short.rcu.periods).toBeGreaterThan(1)
    expect(short.rcu.peakPages).toBeGreaterThan(0)
    expect(long.rcu.peakPages).toBeLessThan(2 * short.rcu.peakPages)
  })

  it('is not used where tables are freed at once', () => {
    expect(run({ free: 'immediate' }).rcu.peakPages).toBe(0)
  })
})

describe('the machine', () => {
  it('takes longer to interrupt more CPUs', () => {
    const machine = { pcpus: 16 }
    const [one, many] = [1, 15].map((targets) => run({ workload: 'ipi', machine, knobs: { targets } }))
    expect(many!.operation.mean).toBeGreaterThan(1.5 * one!.operation.mean)
  })

  it('sends IPIs without exits where they are virtualised, and with fewer by PV IPI', () => {
    const machine: HostInput = { pcpus: 20, vcpus: 20, virtual: true, apic: 'x2apic-physical' }
    const exits = (changes: HostInput) =>
      run({ workload: 'ipi', machine: { ...machine, ...changes }, knobs: { targets: 19 } }).counts.exits
    expect(exits({ ipiVirtualization: true })).toBe(0)
    expect(exits({ pvIpi: true })).toBeLessThan(exits({}) / 10)
  })

  it('makes PV flushes cheaper than IPIs where vCPUs are preempted', () => {
    const machine: HostInput = { pcpus: 8, vcpus: 8, vms: 2, virtual: true, pleWindow: 0 }
    const setting = { workload: 'flush', machine, knobs: { targets: 7 }, milliseconds: 60 }
    expect(run({ ...setting, flush: 'kvm' }).operation.mean).toBeLessThan(run(setting).operation.mean)
  })

  it('runs a thousand vCPUs in one guest', () => {
    const result = run({ machine: { pcpus: 1024 }, milliseconds: 0.1 })
    expect(result.counts.interrupts).toBeGreaterThan(50)
  })

  it('runs a thousand vCPUs in sixteen guests', () => {
    // Sixteen wait for each pCPU: who holds a lock may be off it for long.
    const machine = { pcpus: 64, vms: 16, vcpus: 64 }
    const result = run({ flush: 'kvm', machine, knobs: { mmapLock: 'none' }, milliseconds: 1 })
    expect(result.rate).toBeGreaterThan(0)
  })
})
