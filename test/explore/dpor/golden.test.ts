/** Known numbers of traces come out exactly, and no execution is begun in vain. The slow rows: `node bench/dpor-golden.ts`. */
import { describe, expect, it } from 'vitest'
import { dpor } from '../../../src/explore/dpor/dpor.ts'
import { GOLDEN } from './golden.ts'

describe.each(['sc', 'tso'] as const)('under %s', (model) => {
  for (const { name, program, complete, stuck } of GOLDEN.filter((row) => row.model === model && !row.slow)) {
    it(`${name} has ${complete} traces`, () => {
      const { traces, reason } = dpor(program, { goOn: true })
      expect(reason).toBeUndefined()
      expect(traces).toMatchObject({ complete, halted: 0, sleepBlocked: 0 })
      if (stuck !== undefined) expect(traces.blocked).toBe(stuck)
    })
  }
})
