import { describe, expect, it } from 'vitest'
import { FITTED, recording } from '../../scripts/fit-workloads.ts'
import { UsageError } from '../../src/core/errors.ts'
import { FITTED_NAMES, fittedWorkload } from '../../src/simulate/workloads/fitted.ts'
import { checkParameters } from '../../src/simulate/workloads/parameters.ts'
import { LogHistogram } from '../../src/trace/log-histogram.ts'
import { fit } from '../../src/trace/run-fit.ts'

describe('the built-in parameters', () => {
  it('have a recording each', () => {
    expect([...FITTED_NAMES].sort()).toEqual(Object.keys(FITTED).sort())
  })

  it.each(Object.entries(FITTED))('of %s are those of %s', async (name, file) => {
    expect(fittedWorkload(name)).toEqual(await fit(recording(file)))
  })

  it('are refused by an unknown name', () => {
    expect(() => fittedWorkload('make')).toThrow(UsageError)
  })
})

describe('the fit of a compile job', () => {
  it('finds one-page flushes that follow a write-protection fault', () => {
    const { jobs } = fittedWorkload('compile-faults')
    expect(jobs.reduce((sum, job) => sum + job.onePageFlushes, 0)).toBe(1494)
    expect(jobs.reduce((sum, job) => sum + job.afterWriteProtection, 0)).toBe(1357)
  })

  it('finds its processes, and who sends', () => {
    const { jobs } = fittedWorkload('kernbench')
    const cc1 = jobs.find(({ name }) => name === 'cc1')
    expect(cc1).toMatchObject({ processes: 33, tasks: 33, threads: 1 })
    expect(cc1?.perCpuSecond.localFlushes).toBeGreaterThan(50 * (cc1?.perCpuSecond.remoteFlushes ?? 0))
  })
})

describe('the fit of a munmap storm', () => {
  it('finds threads that flush three pages once per munmap, and rarely interrupt anybody', () => {
    const { jobs, targets } = fittedWorkload('munmap-storm')
    const storm = jobs[0]!
    expect(storm).toMatchObject({ name: 'wl_munmap', threads: 5 })
    expect(storm.perCpuSecond.remoteFlushes / storm.perCpuSecond.munmap).toBeCloseTo(1, 1)
    expect(storm.remotePages['3']).toBeGreaterThan(3000)
    expect(targets.reached).toMatchObject({ 0: 2406, 1: 753 })
  })
})

describe('the fit of a recording with probes', () => {
  it('finds the masks and the share of lazy CPUs', () => {
    const { targets } = fittedWorkload('mixed')
    expect(targets.mask).toEqual({ 1: 561, 2: 141, 3: 1643 })
    expect(targets.reached).toEqual({ 0: 1380, 1: 615, 2: 152, 3: 198 })
    expect(targets.lazy).toBeGreaterThan(0.5)
  })
})

describe('parameters', () => {
  it('of another schema are refused with the key', () => {
    expect(() => checkParameters({ ...fittedWorkload('shell'), jobs: [{}] }, 'x.json')).toThrow(
      'x.json: "jobs.0.name"',
    )
    expect(() => checkParameters(null, 'x.json')).toThrow(UsageError)
  })

  it('need a clock in seconds', async () => {
    const file = recording('xen417pv-6.1_4vcpu_rich.trace.txt.gz')
    await expect(fit(file)).rejects.toThrow('--mhz')
    expect((await fit(file, 2596.8)).source.seconds).toBeCloseTo(58.56, 2)
  })
})

describe('a log histogram', () => {
  it('has quantiles right to a few percent, in any order of values', () => {
    const histogram = new LogHistogram()
    for (let i = 1000; i >= 1; i--) histogram.add(i)
    expect(histogram.mean).toBeCloseTo(500.5)
    for (const q of [0.1, 0.5, 0.9, 0.99]) {
      expect(Math.abs(histogram.quantile(q) / (1000 * q) - 1)).toBeLessThan(0.011)
    }
    expect(new LogHistogram().quantile(0.5)).toBe(0)
  })
})
