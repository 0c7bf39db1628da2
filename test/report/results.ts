/** Results by hand. */
import type { Verdict } from '../../src/explore/verdict.ts'
import type { CheckResult } from '../../src/report/result.ts'
import { DEFAULT_OPTIONS, type Expectation, type ScenarioOptions } from '../../src/scenarios/scenario.ts'
import { HYPERCALL_TRAIL } from './trails.ts'

const counts = {
  states: 9783,
  transitions: 21004,
  nodes: 512,
  rounds: 2,
  milliseconds: 140,
  bytesPerState: 24,
}

export const SAFE: Verdict = { verdict: 'safe', counts, bounds: ['at most 1 NMI per CPU'] }
export const UNSAFE: Verdict = {
  verdict: 'unsafe',
  property: 'page-table lifetime',
  trail: HYPERCALL_TRAIL,
  counts,
  bounds: [],
}
export const INCONCLUSIVE: Verdict = {
  verdict: 'inconclusive',
  reason: 'the limit of 10,000 states was reached (--max-states)',
  counts,
  bounds: [],
}

export function result(
  verdict: Verdict,
  options: Partial<ScenarioOptions> = {},
  expected?: Expectation,
): CheckResult {
  return {
    scenario: 'thread-table',
    title: 'What serializes the software walkers?',
    options: { ...DEFAULT_OPTIONS, ...options },
    uses: ['flush', 'free', 'cpus', 'memoryModel'],
    ...(expected === undefined ? {} : { expected }),
    verdict,
    initialFacts: [],
  }
}

export const TABLE: readonly CheckResult[] = [
  result(SAFE, { flush: 'native', free: 'immediate' }, { verdict: 'safe' }),
  result(SAFE, { flush: 'native', free: 'rcu' }, { verdict: 'safe' }),
  result(
    UNSAFE,
    { flush: 'hyperv', free: 'immediate' },
    { verdict: 'unsafe', property: 'page-table lifetime' },
  ),
  result(SAFE, { flush: 'hyperv', free: 'rcu' }, { verdict: 'unsafe' }),
  result(INCONCLUSIVE, { flush: 'xen', free: 'immediate' }, { verdict: 'unsafe' }),
  result(SAFE, { flush: 'xen', free: 'rcu' }),
]
