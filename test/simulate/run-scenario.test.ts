import { describe, expect, it } from 'vitest'
import { buildProgram } from '../../src/run/scenario-file.ts'
import { SCENARIOS } from '../../src/scenarios/registry.ts'
import { DEFAULT_OPTIONS, type Scenario } from '../../src/scenarios/scenario.ts'
import { checkHost } from '../../src/simulate/host.ts'
import { type ScenarioTiming, timeProgram } from '../../src/simulate/run-scenario.ts'

function time(scenario: Scenario): ScenarioTiming {
  const options = { ...DEFAULT_OPTIONS, ...scenario.defaults }
  const program = buildProgram(scenario, options, scenario.name)
  return timeProgram(program, checkHost({ pcpus: Math.max(4, program.processes.length) }, 'test'), 1)
}

describe('what check explores runs under a clock', () => {
  for (const scenario of SCENARIOS) {
    it(`${scenario.name} ends, or it is said who does not`, () => {
      if (scenario.name === 'gva-list-top') {
        // The thread's list builder never comes to the end of its range.
        expect(() => time(scenario)).toThrow(/CPU0 goes on without time passing: "gva_list\[\d+\]/)
        return
      }
      const { nanoseconds, operations, stuck } = time(scenario)
      expect(operations).toBeGreaterThan(0)
      expect(Number.isFinite(nanoseconds)).toBe(stuck === undefined)
      if (stuck === undefined) expect(nanoseconds).toBeLessThan(1e6)
      else expect(stuck).toMatch(/^CPU\d+ (waits|is still) at "[^"]+"/)
    })
  }

  it('ends everywhere but where somebody waits for ever', () => {
    const stuck = SCENARIOS.filter(({ name }) => name !== 'gva-list-top').filter(
      (scenario) => time(scenario).stuck !== undefined,
    )
    const verdicts = stuck.map(
      ({ defaults, expected }) => expected?.({ ...DEFAULT_OPTIONS, ...defaults })?.verdict,
    )
    expect(new Set(verdicts)).toEqual(new Set(['unsafe']))
    expect(stuck.map(({ name }) => name)).toContain('mutual-ipi-irqs-off')
  })
})
