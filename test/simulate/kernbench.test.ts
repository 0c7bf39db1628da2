import { describe, expect, it } from 'vitest'
import { awk, kernbenchText } from '../../src/report/bench-text.ts'
import { accumulate, calibrate, type KernbenchRun, kernbench } from '../../src/simulate/kernbench.ts'
import { THREAD_HOSTS } from '../../src/simulate/kernbench-hosts.ts'

const run = (user: number, elapsed: number): KernbenchRun => ({
  elapsed,
  user,
  system: 1,
  percent: 100,
  switches: 10,
  sleeps: 20,
})

describe("kernbench's groups", () => {
  it('reset the elapsed time only: other figures of the second group are averages over both', () => {
    const [half, optimal] = accumulate([
      [run(100, 50), run(100, 50)],
      [run(200, 20), run(200, 22)],
    ])
    expect(half!.user).toEqual({ mean: 100, sd: 0 })
    expect(optimal!.elapsed.mean).toBe(21)
    expect(optimal!.user.mean).toBe(150)
    expect(optimal!.user.sd).toBeCloseTo(57.735, 2)
  })

  it('come out as the thread measured them, when nothing is changed', () => {
    for (const host of THREAD_HOSTS) {
      const [half, optimal] = kernbench(host, { user: 1, system: 1 }, 1000, 1)
      expect(half!.elapsed.mean / host.current.half.elapsed.mean).toBeCloseTo(1, 2)
      expect(optimal!.elapsed.mean / host.current.optimal.elapsed.mean).toBeCloseTo(1, 2)
      expect(optimal!.user.mean / host.current.optimal.user.mean).toBeCloseTo(1, 2)
      expect(optimal!.user.sd / host.current.optimal.user.sd).toBeCloseTo(1, 0)
    }
  })

  it('leave little of a build that is not parallel', () => {
    expect(calibrate(THREAD_HOSTS[0]!, 'half').serial).toBeLessThan(5)
  })
})

it('prints six significant digits, as awk does, in columns', () => {
  expect([400.498, 1098.7234, 81827.44, 0.1796791].map(awk)).toEqual([
    '400.498',
    '1098.72',
    '81827.4',
    '0.179679',
  ])
  const [group] = accumulate([[run(100, 50), run(101, 52)]])
  expect(kernbenchText('Half load -j 3', [{ name: 'CURRENT', group: group! }]).split('\n')).toEqual([
    'Average Half load -j 3 Run (std deviation):',
    'CURRENT',
    '=======',
    'Elapsed Time 51 (1.41421)',
    'User Time 100.5 (0.707107)',
    'System Time 1 (0)',
    'Percent CPU 100 (0)',
    'Context Switches 10 (0)',
    'Sleeps 20 (0)',
  ])
})
