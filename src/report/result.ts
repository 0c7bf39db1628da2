/** What one check says about one scenario with one set of options: plain data, the input of every report. */
import type { Cover } from '../explore/vacuity.ts'
import type { Verdict } from '../explore/verdict.ts'
import type { Expectation, ScenarioOptions } from '../scenarios/scenario.ts'

/** One cell of a table, or the only one. */
export interface CheckResult {
  /** Name of the scenario. */
  readonly scenario: string
  readonly title: string
  /** The user's file that it comes from, as it was given. */
  readonly file?: string
  readonly options: ScenarioOptions
  /** The options that this scenario takes notice of. */
  readonly uses: readonly (keyof ScenarioOptions)[]
  /** The documented answer, if there is one. */
  readonly expected?: Expectation
  readonly verdict: Verdict
  /** With `safe`, where it was asked for: which events that could hurt can be reached. */
  readonly covers?: readonly Cover[]
  /** What the program says of its initial state. */
  readonly initialFacts: readonly string[]
}

/** How a result compares with the documented answer. */
export type Agreement = 'as documented' | 'not as documented' | 'undocumented' | 'undecided'

export function agreement(result: CheckResult): Agreement {
  const { expected, verdict } = result
  if (expected === undefined) return 'undocumented'
  if (verdict.verdict === 'inconclusive') return 'undecided'
  if (verdict.verdict !== expected.verdict) return 'not as documented'
  if (verdict.verdict === 'safe' || expected.property === undefined) return 'as documented'
  return verdict.property === expected.property ? 'as documented' : 'not as documented'
}

/**
 * Exit status of a run: 0 all safe, 1 a violation, 3 inconclusive. A demonstration with documented answers is different: 0 when
 * every answer came out as documented, 1 when one did not, 3 when one is open.
 */
export function exitStatus(
  results: readonly CheckResult[],
  demonstration: 'verdicts' | 'documented',
): 0 | 1 | 3 {
  const bad = (result: CheckResult) =>
    demonstration === 'documented' && result.expected !== undefined
      ? agreement(result) === 'not as documented'
      : result.verdict.verdict === 'unsafe'
  if (results.some(bad)) return 1
  return results.some((result) => result.verdict.verdict === 'inconclusive') ? 3 : 0
}
