/** Each flaw of the Hyper-V flush since 2017 is found, and its fix is safe. */
import { describe, expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import * as history from '../../src/scenarios/hyperv-history.ts'
import { DEFAULT_OPTIONS, type Scenario, type ScenarioOptions } from '../../src/scenarios/scenario.ts'
import * as switching from '../../src/scenarios/switching.ts'

function verdict(scenario: Scenario, changes: Partial<ScenarioOptions> = {}) {
  const options = { ...DEFAULT_OPTIONS, ...scenario.defaults, ...changes }
  const result = check(scenario.build(options))
  const { verdict } = result
  return {
    found: result.verdict === 'unsafe' ? { verdict, property: result.trail.violation.property } : { verdict },
    expected: scenario.expected!(options),
  }
}

const all: readonly Scenario[] = [...Object.values(history), ...Object.values(switching)]

describe.each(all.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
  it('is as documented', () => {
    const { found, expected } = verdict(scenario)
    expect(found).toEqual(expected)
  })
  if (scenario.uses.includes('profile') && scenario.name.startsWith('hv-cr3')) {
    it('is as documented for a hypervisor that checks nothing', () => {
      const { found, expected } = verdict(scenario, { profile: 'kvm' })
      expect(found).toEqual(expected)
    })
  }
  if (scenario.name.startsWith('switch-mm') || scenario.name.startsWith('should-flush')) {
    it('is as documented under sequential consistency', () => {
      const { found, expected } = verdict(scenario, { memoryModel: 'sc' })
      expect(found).toEqual(expected)
    })
  }
  if (scenario.uses.includes('flush')) {
    it('is as documented on Hyper-V', () => {
      const { found, expected } = verdict(scenario, { flush: 'hyperv-now' })
      expect(found).toEqual(expected)
    })
  }
})

it('the barrier behind is_lazy is needed where lazy CPUs are left out', () => {
  const program = switching.lazyPages.build(DEFAULT_OPTIONS)
  const without = new Set(['switch_mm_irqs_off, leaving lazy mode: smp_mb'])
  expect(check(program, { without }).verdict).toBe('unsafe')
  const onHyperv = switching.lazyPages.build({ ...DEFAULT_OPTIONS, flush: 'hyperv-now' })
  expect(check(onHyperv, { without }).verdict).toBe('unsafe')
})
