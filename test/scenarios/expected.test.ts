/** Every documented answer comes out, for every value of the options that a scenario uses. */
import { describe, expect, test } from 'vitest'
import { UsageError } from '../../src/core/errors.ts'
import type { Program } from '../../src/core/program.ts'
import { check } from '../../src/explore/check.ts'
import { FLUSH_BACKENDS, FREE_POLICIES, PROFILES, SCENARIOS, WALKERS } from '../../src/scenarios/registry.ts'
import { DEFAULT_OPTIONS, type Scenario, type ScenarioOptions } from '../../src/scenarios/scenario.ts'

const VALUES = {
  flush: FLUSH_BACKENDS,
  free: FREE_POLICIES,
  walker: WALKERS,
} as const

/** All combinations of the named options that the scenario uses. */
function combinations(scenario: Scenario, names: readonly (keyof typeof VALUES)[]): ScenarioOptions[] {
  let all: ScenarioOptions[] = [{ ...DEFAULT_OPTIONS, ...scenario.defaults }]
  for (const name of names) {
    if (!scenario.uses.includes(name)) continue
    all = all.flatMap((options) => VALUES[name].map((value) => ({ ...options, [name]: value })))
  }
  return all
}

/** The program, or undefined where the scenario says that it has no such backend. */
function built(scenario: Scenario, options: ScenarioOptions): Program | undefined {
  try {
    return scenario.build(options)
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}

function expectAnswer(scenario: Scenario, options: ScenarioOptions): void {
  const expected = scenario.expected?.(options)
  if (expected === undefined) return
  const program = built(scenario, options)
  if (program === undefined) return
  const verdict = check(program, { shortest: false })
  const property = verdict.verdict === 'unsafe' ? verdict.property : undefined
  const answer = {
    verdict: verdict.verdict,
    property: expected.property === undefined ? undefined : property,
  }
  expect(answer, JSON.stringify(options)).toEqual({ verdict: expected.verdict, property: expected.property })
}

describe('documented answers, 2 CPUs', () => {
  test.for(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))('%s', ([, scenario]) => {
    for (const options of combinations(scenario, ['flush', 'free', 'walker'])) expectAnswer(scenario, options)
  })
})

describe("the thread's table", () => {
  const [thread] = SCENARIOS as readonly [Scenario, ...Scenario[]]

  test('with 3 CPUs', () => {
    for (const options of combinations(thread, ['flush', 'free'])) {
      if (options.free !== 'boot') expectAnswer(thread, { ...options, cpus: 3 })
    }
  })

  test('with sequential consistency', () => {
    for (const options of combinations(thread, ['flush', 'free'])) {
      expectAnswer(thread, { ...options, memoryModel: 'sc' })
    }
  })

  test('with five levels of tables', () => {
    for (const options of combinations(thread, ['flush', 'free']))
      expectAnswer(thread, { ...options, levels: 5 })
  })

  test.for([...PROFILES])('with the hypervisor behaving as %s', (profile) => {
    for (const free of ['immediate', 'rcu']) {
      expectAnswer(thread, { ...DEFAULT_OPTIONS, flush: 'hyperv', free, profile })
    }
  })
})
