/** Mechanisms that the validation suite rests on, each by what it must change. */
import { describe, expect, it } from 'vitest'
import { checkHost, type HostInput } from '../../src/simulate/host.ts'
import { type RunResult, simulate } from '../../src/simulate/run.ts'
import { placeOf } from '../../src/simulate/topology.ts'
import type { Knobs } from '../../src/simulate/workloads/workload.ts'

function run(
  workload: string,
  machine: HostInput,
  knobs: Partial<Knobs> = {},
  flush = 'native',
  milliseconds = 2,
) {
  const host = checkHost(machine, 'test', flush)
  return simulate({ workload, host, flush, free: 'rcu', profile: 'tlfs', knobs, seed: 1, milliseconds })
}
const mean = (result: RunResult) => result.operation.mean

describe('cache lines', () => {
  it('cost more between last-level caches, and most between sockets', () => {
    const machine: HostInput = { costModel: 'milan', pcpus: 8 }
    const rate = (changes: HostInput) => run('tlb-flush', { ...machine, ...changes }).rate
    expect(rate({ cachePcpus: 2 })).toBeLessThan(0.9 * rate({}))
  })

  it('are fetched by each that looks for lazy CPUs where their flushes write them', () => {
    const rate = (lazyCheck: Knobs['lazyCheck']) =>
      run('tlb-flush', { pcpus: 8 }, { lazyCheck, think: 5 }, 'native', 4).rate
    expect(rate('shared-line')).toBeLessThan(rate('own-line'))
  })
})

describe('threads of a core', () => {
  const rate = (machine: HostInput, knobs: Partial<Knobs> = {}) =>
    run('compile', { pcpus: 8, ...machine }, knobs, 'native', 20).rate

  it('slow each other down where both execute: together they do a quarter more than one', () => {
    expect(rate({ smt: 2 }) / rate({ pcpus: 4 })).toBeCloseTo(1.25, 1)
    expect(rate({ smt: 2 }) / rate({})).toBeLessThan(0.7)
  })

  it('do not where the other one has nothing to do: first threads of cores come first', () => {
    expect(rate({ smt: 2 }, { threads: 4 }) / rate({}, { threads: 4 })).toBeGreaterThan(0.99)
  })

  it('share their caches and sockets', () => {
    const place = (pcpu: number) =>
      placeOf(checkHost({ pcpus: 16, sockets: 2, smt: 2, cachePcpus: 4 }, 'test'), pcpu)
    expect([0, 1, 2, 3, 4, 7].map((pcpu) => place(pcpu).cache)).toEqual([0, 0, 1, 1, 2, 3])
    expect([0, 3, 4, 7].map((pcpu) => place(pcpu).socket)).toEqual([0, 0, 1, 1])
    for (const pcpu of [0, 3, 7]) expect(place(pcpu + 8)).toEqual(place(pcpu))
  })

  it('make tlb_flush2 slower beyond one thread for each core (4afeb0ed1753)', () => {
    const flushes = (threads: number) =>
      run(
        'tlb-flush',
        { costModel: 'milan', pcpus: 24, smt: 2, cachePcpus: 12, apic: 'x2apic-physical' },
        { threads },
        'native',
        1,
      ).rate
    expect(flushes(24)).toBeLessThan(flushes(12))
  })
})

describe('page-table isolation', () => {
  it('makes every entry dearer, and each page of a flush', () => {
    expect(run('tlb-flush', { pcpus: 2, pti: true }).rate).toBeLessThan(run('tlb-flush', { pcpus: 2 }).rate)
  })

  it('costs user time where the user half is flushed wholly on the way back', () => {
    const user = (ptiFlush: 'invpcid' | 'deferred') => {
      const { shares, rate } = run('compile', { pcpus: 2, pti: true, ptiFlush }, {}, 'native', 60)
      return (shares.user + shares.refill) / rate
    }
    expect(user('invpcid')).toBeLessThan(user('deferred'))
  })
})

describe('a flush of a range', () => {
  const time = (pages: number, knobs: Partial<Knobs> = {}, machine: HostInput = {}) =>
    mean(run('flush', { costModel: 'haswell', pcpus: 2, ...machine }, { targets: 0, pages, ...knobs }))

  it('takes 249 cycles a page, and with PTI 542 (a5102476a24b; Dave Hansen 2017)', () => {
    const cyclesOfPage = (machine: HostInput) => ((time(33, {}, machine) - time(1, {}, machine)) / 32) * 2.6
    expect(cyclesOfPage({})).toBeGreaterThan(0.8 * 249)
    expect(cyclesOfPage({})).toBeLessThan(1.1 * 249)
    expect(cyclesOfPage({ pti: true })).toBeGreaterThan(0.9 * 542)
    expect(cyclesOfPage({ pti: true })).toBeLessThan(1.1 * 542)
  })

  it('is one flush of everything above the ceiling', () => {
    expect(time(34)).toBeLessThan(time(2))
    expect(time(34, { ceiling: 34 })).toBeGreaterThan(time(33))
    expect(time(2, { ceiling: 1 })).toBeLessThan(time(2))
  })
})

describe('a hypercall for vCPUs that sleep', () => {
  const machine: HostInput = {
    costModel: 'westmere',
    pcpus: 8,
    vcpus: 8,
    virtual: true,
    apic: 'x2apic-physical',
  }
  const time = (flush: string) => mean(run('flush', machine, { targets: 7, idle: 0.9 }, flush, 3))

  it('is faster than IPIs, unless their pCPUs are woken one after the other', () => {
    expect(time('xen')).toBeLessThan(time('native'))
    expect(time('xen-naive')).toBeGreaterThan(3 * time('native'))
  })
})

describe('a flush in the middle of user code', () => {
  it('is paid for by the rest of it', () => {
    // CPU 0 flushes every 20 us; the others run user code for 100 us at a time, in which five flushes come.
    const refills = (think: number) => {
      const { shares, counts } = run('flush', { pcpus: 2 }, { targets: 1, think }, 'native', 10)
      return (shares.refill * 2 * counts.simulatedSeconds) / counts.interrupts
    }
    expect(refills(20) / refills(200)).toBeGreaterThan(0.8)
  })
})

describe('idle states', () => {
  const time = (machine: HostInput, think: number) =>
    run('flush', { pcpus: 4, ...machine }, { targets: 3, idle: 1, think }, 'native', 10).operation.p50

  it('make CPUs that have slept for long slower to answer, as deep as they may', () => {
    const [c1, c1e, c6] = (['c1', 'c1e', 'c6'] as const).map((idleStates) => time({ idleStates }, 2000))
    expect(c1e! - c1!).toBeGreaterThan(7000)
    expect(c6! - c1e!).toBeGreaterThan(100_000)
  })

  it('do not matter where CPUs sleep shortly', () => {
    expect(time({ idleStates: 'c6' }, 5)).toBe(time({ idleStates: 'c1' }, 5))
  })
})

describe('overcommitted ebizzy', () => {
  const machine: HostInput = {
    pcpus: 6,
    vcpus: 6,
    vms: 2,
    scheduler: 'fair',
    boost: 'in-kernel',
    locks: 'pv',
  }
  const rate = (changes: HostInput, flush = 'native') =>
    run('ebizzy', { ...machine, ...changes }, {}, flush, 200).rate

  it('loses most without directed yields, and PV flushes win more there', () => {
    const gain = (boost: 'none' | 'in-kernel') => rate({ boost }, 'kvm') / rate({ boost })
    expect(rate({ boost: 'none' })).toBeLessThan(0.6 * rate({}))
    expect(gain('none')).toBeGreaterThan(1.5 * gain('in-kernel'))
  })

  it('gains where senders yield to targets that are preempted, if the host does nothing about it', () => {
    expect(rate({ boost: 'none', pvSchedYield: true })).toBeGreaterThan(1.15 * rate({ boost: 'none' }))
  })

  it("waits for vCPUs that the host's own threads hold up, also where each has a pCPU of its own", () => {
    const waits = (hostLoad: number) =>
      run('ebizzy', { ...machine, vms: 1, virtual: true, hostLoad }, {}, 'native', 40).ackWait.max
    expect(waits(0.05)).toBeGreaterThan(2 * waits(0))
  })

  it('shares pCPUs fairly between guests', () => {
    const { shares } = run('ebizzy', machine, {}, 'kvm', 40)
    expect(shares['not running']).toBeGreaterThan(0.35)
    expect(shares['not running']).toBeLessThan(0.65)
  })

  it('halts in PV spinlocks, and sooner with the early wait', () => {
    const idle = (locks: 'native' | 'pv-early') =>
      run('ebizzy', { ...machine, vms: 3, locks }, {}, 'native', 40).shares.idle
    expect(idle('native')).toBe(0)
    expect(idle('pv-early')).toBeGreaterThan(0)
  })
})

describe('a neighbour VM of hogs', () => {
  const machine: HostInput = { pcpus: 4, vcpus: 4, virtual: true, wakeupGranularity: 1000, locks: 'native' }
  const beside = (hogs: number, flush = 'native') => run('ebizzy', { ...machine, hogs }, {}, flush, 40)

  it('takes its share of the pCPUs, and is not counted', () => {
    const { shares } = beside(4)
    expect(shares['not running']).toBeGreaterThan(0.3)
    expect(shares.user).toBeLessThan(0.3)
    expect(beside(0).shares['not running']).toBeLessThan(0.01)
  })

  it('holds flushes up by the vCPUs that wait behind it, unless nobody waits for them', () => {
    expect(beside(2).flush.max).toBeGreaterThan(1e6)
    expect(beside(0).flush.max).toBeLessThan(1e5)
    expect(beside(2, 'kvm').flush.mean).toBeLessThan(beside(2).flush.mean / 2)
  })
})

describe('reclaim', () => {
  it('interrupts less with batches, which end when pages are freed', () => {
    const machine: HostInput = { pcpus: 8, sockets: 2 }
    const perPage = (batch: number) => {
      const { counts, rate } = run('reclaim', machine, { batch }, 'native', 4)
      return counts.interrupts / rate
    }
    const ratio = perPage(32) / perPage(1)
    expect(ratio).toBeGreaterThan(1 / 10)
    expect(ratio).toBeLessThan(1 / 4)
  })

  it('of one process asks all its CPUs, and with a lazy mask also those that it has left', () => {
    const machine: HostInput = { pcpus: 16 }
    const flush = (knobs: Partial<Knobs>) => mean(run('reclaim', machine, { threads: 4, ...knobs }))
    expect(flush({ processes: 1 })).toBeGreaterThan(flush({}))
    expect(flush({ processes: 1, lazyMask: true })).toBeGreaterThan(1.2 * flush({ processes: 1 }))
    expect(() => flush({ lazyMask: true })).toThrow('--processes 1')
  })

  it('migrates 512 pages for one interrupt (7e12beb8ca2a)', () => {
    const migrate = (batch: number) =>
      run('reclaim', { pcpus: 4 }, { processes: 1, cluster: 512, reclaimed: 1, batch }, 'native', 40)
    const perPage = ({ counts, rate }: RunResult) => counts.interrupts / rate
    expect(perPage(migrate(512))).toBeLessThan(perPage(migrate(1)) / 100)
    expect(migrate(512).rate).toBeGreaterThan(migrate(1).rate)
  })
})

it('processes that switch fetch the lines of their masks, but for lazy ones (209954cbc7)', () => {
  const rate = (knobs: Partial<Knobs>) => run('wakeups', { pcpus: 8 }, knobs).rate
  expect(rate({ processes: 40 })).toBeLessThan(rate({}))
  expect(rate({ processes: 40, lazyMask: true })).toBeGreaterThan(rate({ processes: 40 }))
})

it('IPI virtualisation saves those who wake others the exits, more where there is less work between', () => {
  const machine: HostInput = {
    costModel: 'sapphire-rapids',
    pcpus: 4,
    vcpus: 4,
    virtual: true,
    apic: 'x2apic-physical',
  }
  const gain = (think: number) =>
    run('wakeups', { ...machine, ipiVirtualization: true }, { think }).rate /
    run('wakeups', machine, { think }).rate
  expect(gain(2)).toBeGreaterThan(1.1)
  expect(gain(8)).toBeLessThan(gain(2))
})
