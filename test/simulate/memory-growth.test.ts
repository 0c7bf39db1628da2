import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { checkHost } from '../../src/simulate/host.ts'
import { prepareRun } from '../../src/simulate/run.ts'

v8.setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

function heap(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

describe('memory does not grow with simulated time', () => {
  for (const [workload, flush, free, milliseconds] of [
    ['munmap-storm', 'native', 'immediate', 10],
    ['munmap-storm', 'kvm', 'rcu', 40],
    ['gup-storm', 'hyperv', 'rcu', 40],
  ] as const) {
    it(`${workload}, ${flush}, ${free}: after four times as long, as much`, () => {
      const host = checkHost({ pcpus: 2, virtual: true }, 'test', flush)
      const spec = { workload, host, flush, free, profile: 'tlfs', knobs: {}, seed: 1 }
      const before = heap()
      const { engine } = prepareRun(spec)
      engine.run(milliseconds * 1e6)
      const once = heap() - before
      const { operations } = engine.counts
      engine.run(4 * milliseconds * 1e6)
      const fourTimes = heap() - before
      expect(engine.counts.operations).toBeGreaterThan(3.5 * operations)
      // Within noise: a quarter, and a megabyte for what the runtime compiles and keeps.
      expect(fourTimes).toBeLessThan(1.25 * once + 2 ** 20)
    })
  }
})
