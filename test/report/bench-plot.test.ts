import { describe, expect, it } from 'vitest'
import { benchSvg } from '../../src/report/bench-plot.ts'
import type { BenchArm } from '../../src/report/bench-text.ts'
import { kernbenchSvg } from '../../src/report/kernbench-plot.ts'
import type { KernbenchPlace } from '../../src/report/kernbench-text.ts'
import { accumulate, groupsFor } from '../../src/simulate/kernbench.ts'
import { modelFor, runGroups } from '../../src/simulate/kernbench-model.ts'
import { ACCOUNTS } from '../../src/simulate/operations.ts'
import { compileMix } from '../../src/simulate/workloads/compile-mix.ts'

function arm(name: string, vms: number, rate: number): BenchArm {
  const latency = { p50: 2, p90: 3, p99: 9, max: 4000 }
  return {
    name,
    where: `4 pCPUs, ${vms} VMs x 4 vCPUs`,
    size: { pcpus: 4, vms, vcpus: 4 },
    rate: { value: rate, plusMinus: rate / 10 },
    ratio: { value: 1, plusMinus: 0 },
    flush: latency,
    operation: latency,
    events: {},
    irqsOffMax: 1,
    ackWaitMax: 1,
    shares: Object.fromEntries(
      ACCOUNTS.map((account) => [account, 1 / ACCOUNTS.length]),
    ) as BenchArm['shares'],
    rcuPeakPages: 0,
    gracePeriod: 0,
    gracePeriods: 0,
    violations: 0,
  }
}

/** Every tag is well-formed XML, and every one that opens is closed. */
function expectWellFormed(svg: string): void {
  const open: string[] = []
  for (const [tag] of svg.matchAll(/<[^>]*>/g)) {
    expect(tag).toMatch(/^<\/?[\w:]+(\s+[\w:-]+="[^"<]*")*\s*\/?>$/)
    const name = tag.match(/[\w:]+/)![0]
    if (tag.startsWith('</')) expect(open.pop()).toBe(name)
    else if (!tag.endsWith('/>')) open.push(name)
  }
  expect(open).toEqual([])
}

function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!)
}

describe('plots', () => {
  it('of one machine name every arm, with units on the axes', () => {
    const svg = benchSvg({
      title: 'storm',
      unit: 'munmap',
      arms: [arm('native, rcu', 2, 9e4), arm('xen, rcu', 2, 1e5)],
    })
    expectWellFormed(svg)
    const found = texts(svg)
    for (const text of [
      'storm',
      'munmaps/s',
      'µs',
      'share of time, %',
      'native, rcu',
      'xen, rcu',
      'IPI wait',
    ])
      expect(found).toContain(text)
  })

  it('of a sweep have its machines on the axis, and a legend', () => {
    const arms = [1, 2, 4].flatMap((vms) => [arm('native, rcu', vms, 1e5 / vms), arm('kvm, rcu', vms, 1e5)])
    const svg = benchSvg({ title: 'storm', unit: 'munmap', arms })
    expectWellFormed(svg)
    const found = texts(svg)
    for (const text of ['VMs', '1', '2', '4', 'kvm, rcu', 'kvm, rcu; 1 VM', 'kvm, rcu; 4 VMs'])
      expect(found).toContain(text)
  })

  it('of an arm that did nothing are drawn all the same', () => {
    const idle = { ...arm('kvm, rcu', 2, 0), flush: { p50: 0, p90: 0, p99: 0, max: 0 } }
    expectWellFormed(benchSvg({ title: 'storm', unit: 'munmap', arms: [idle] }))
  })

  it('of kernbench show each load beside what the thread measured', () => {
    const model = modelFor(6)
    const groups = groupsFor(6, { fast: false, single: false, without: new Set() })
    const same = { user: 0, system: 0, slowdown: 1 }
    const runs = runGroups(model, groups, 3, () => ({ own: same, reference: same }), false, 1)
    const column = {
      flush: 'native',
      free: 'rcu',
      role: 'predicted',
      groups: accumulate(runs),
      runs,
      engine: [],
    } as const
    const place: KernbenchPlace = {
      place: '6 pCPUs, bare metal',
      cpus: 6,
      runs: 3,
      fast: false,
      model,
      mix: compileMix(),
      groups,
      columns: [
        { ...column, name: 'CURRENT' },
        { ...column, name: 'HAVE_RCU_TABLE_FREE' },
      ],
    }
    const svg = kernbenchSvg([place])
    expectWellFormed(svg)
    for (const text of ['seconds', 'Half load -j 3', 'Maximal load -j', 'CURRENT', 'measured in the thread'])
      expect(texts(svg)).toContain(text)
    const both = kernbenchSvg([place, { ...place, place: '16 pCPUs, bare metal', cpus: 16 }])
    expectWellFormed(both)
    for (const cpus of [6, 16])
      expect(texts(both)).toContain(`kernbench, ${cpus} CPUs (${cpus} pCPUs, bare metal)`)
    const ids = [...both.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
