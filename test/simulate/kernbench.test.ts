import { describe, expect, it } from 'vitest'
import { awk, kernbenchText } from '../../src/report/kernbench-text.ts'
import {
  accumulate,
  alone,
  groupsFor,
  type KernbenchOptions,
  type KernbenchRun,
  runsOf,
} from '../../src/simulate/kernbench.ts'
import { THREAD_HOSTS } from '../../src/simulate/kernbench-hosts.ts'
import { buildOf, cpuTime, modelFor, runGroups } from '../../src/simulate/kernbench-model.ts'
import { make } from '../../src/simulate/make.ts'
import { compileMix, drawSize } from '../../src/simulate/workloads/compile-mix.ts'

const run = (user: number, elapsed: number): KernbenchRun => ({
  elapsed,
  user,
  system: 1,
  percent: 100,
  switches: 10,
  sleeps: 20,
})

const PLAIN: KernbenchOptions = { fast: false, single: false, without: new Set() }
const SAME = { user: 15_000, system: 1300, slowdown: 1 }
const titles = (cpus: number, options: Partial<KernbenchOptions> = {}) =>
  groupsFor(cpus, { ...PLAIN, ...options }).map(({ title }) => title)

describe("kernbench's groups", () => {
  it('are half, optimal and maximal load, with its rules for few CPUs', () => {
    expect(titles(6)).toEqual(['Half load -j 3', 'Optimal load -j 24', 'Maximal load -j'])
    expect(titles(4)[0]).toBe('Half load -j 3')
    expect(titles(5)[0]).toBe('Half load -j 3')
    expect(titles(3)).toEqual(['Optimal load -j 12', 'Maximal load -j'])
    expect(titles(8, { optimal: 20, single: true, without: new Set(['half', 'maximal']) })).toEqual([
      'Single threaded',
      'Optimal load -j 20',
    ])
  })

  it('have five runs, three when fast, ten at most', () => {
    expect(runsOf(PLAIN)).toBe(5)
    expect(runsOf({ ...PLAIN, fast: true })).toBe(3)
    expect(runsOf({ ...PLAIN, fast: true, runs: 4 })).toBe(4)
    expect(runsOf({ ...PLAIN, runs: 99 })).toBe(10)
  })

  it('reset the elapsed time only: other figures of the second group are averages over both', () => {
    const groups = [
      [run(100, 50), run(100, 50)],
      [run(200, 20), run(200, 22)],
    ]
    const [half, optimal] = accumulate(groups)
    expect(half!.user).toEqual({ mean: 100, sd: 0 })
    expect(optimal!.elapsed.mean).toBe(21)
    expect(optimal!.user.mean).toBe(150)
    expect(optimal!.user.sd).toBeCloseTo(57.735, 2)
    expect(alone(groups[1]!).user).toEqual({ mean: 200, sd: 0 })
  })

  it('come out as the thread measured CURRENT, with deviations of accumulated figures that were not put in', () => {
    for (const host of THREAD_HOSTS) {
      const groups = groupsFor(host.cpus, { ...PLAIN, without: new Set(['maximal']) })
      const runs = runGroups(
        modelFor(host.cpus),
        groups,
        10,
        () => ({ own: SAME, reference: SAME }),
        false,
        1,
      )
      const [half, optimal] = accumulate(runs)
      expect(half!.elapsed.mean / host.current.half.elapsed.mean).toBeCloseTo(1, 1)
      expect(optimal!.elapsed.mean / host.current.optimal.elapsed.mean).toBeCloseTo(1, 2)
      expect(optimal!.user.mean / host.current.optimal.user.mean).toBeCloseTo(1, 2)
      for (const name of ['user', 'percent', 'switches', 'sleeps'] as const) {
        expect(optimal![name].sd / host.current.optimal[name].sd).toBeGreaterThan(0.85)
        expect(optimal![name].sd / host.current.optimal[name].sd).toBeLessThan(1.15)
      }
    }
  })
})

describe('a build', () => {
  const model = modelFor(6)
  const [half, optimal, maximal] = groupsFor(6, PLAIN)

  it('takes what the engine says more, for each of its faults', () => {
    const arm = { own: { ...SAME, system: SAME.system + 100 }, reference: SAME }
    const more = cpuTime(model, 'half', arm).system - model.system.half
    expect(more).toBeCloseTo(model.faults * 100e-9, 6)
    expect(buildOf(model, half!, arm).elapsed - buildOf(model, half!).elapsed).toBeCloseTo(more / 3, 0)
  })

  it('takes longer by what its vCPUs wait for pCPUs', () => {
    const arm = { own: { ...SAME, slowdown: 2 }, reference: SAME }
    expect(buildOf(model, optimal!, arm).elapsed / buildOf(model, optimal!).elapsed).toBeCloseTo(2, 1)
  })

  it('gains nothing from more jobs than keep all CPUs busy, but is switched more', () => {
    const [few, all] = [buildOf(model, optimal!), buildOf(model, maximal!)]
    expect(all.elapsed / few.elapsed).toBeCloseTo(1, 2)
    expect(all.slices).toBeGreaterThan(1.5 * few.slices)
  })

  it('of equal shares cannot beat its work, nor its serial part', () => {
    const build = {
      units: 200,
      work: 100,
      jobs: 8,
      serial: 10,
      wait: 0.01,
      beside: 0.06,
      spawn: 0,
      slowdown: 1,
    }
    for (const cpus of [1, 2, 4, 8]) {
      const { elapsed } = make({ ...build, cpus }, 1)
      expect(elapsed).toBeGreaterThanOrEqual(10 + 90 / cpus)
      expect(elapsed).toBeLessThan((10 + 90 / cpus) * 1.25)
    }
  })
})

it('the recorded mix is three processes a file, most flushes of one page', () => {
  const { processes, faults, beside } = compileMix()
  expect(processes.map(({ name }) => name)).toEqual(['gcc', 'cc1', 'as'])
  expect(faults).toBeGreaterThan(3000)
  expect(beside).toBeGreaterThan(0.05)
  const { localPages } = processes[1]!
  expect(drawSize(localPages, 0.5)).toBe(1)
  expect(drawSize(localPages, 0.9999)).toBe(-1)
})

it('prints six significant digits, as awk does, in columns', () => {
  expect([400.498, 1098.7234, 81827.44, 0.1796791].map(awk)).toEqual([
    '400.498',
    '1098.72',
    '81827.4',
    '0.179679',
  ])
  const [group] = accumulate([[run(100, 50), run(101, 52)]])
  const one = ['Elapsed Time 51 (1.41421)', 'User Time 100.5 (0.707107)', 'System Time 1 (0)']
  expect(
    kernbenchText('Half load -j 3', [{ name: 'CURRENT', group: group! }])
      .split('\n')
      .slice(0, 4),
  ).toEqual(['Average Half load -j 3 Run (std deviation):', ...one])
  const both = kernbenchText('Half load -j 3', [
    { name: 'CURRENT', group: group! },
    { name: 'HAVE_RCU_TABLE_FREE', group: group! },
  ]).split('\n')
  expect(both.slice(1, 4)).toEqual([
    'CURRENT                     HAVE_RCU_TABLE_FREE',
    '===                         ===',
    'Elapsed Time 51 (1.41421)   Elapsed Time 51 (1.41421)',
  ])
})
