/** Results as JSON, and as lines of a table. */
import { KINDS } from './run.ts'
import type { FileError, FileResult } from './run-files.ts'
import { showProposition } from './summary.ts'

export const LITMUS_FORMAT = 1

/** One result as plain data (docs/litmus.md). */
export function resultDocument(result: FileResult) {
  const { test, model, quantifier, states, ok, positive, negative, observation, tooFar, searched } = result
  return {
    name: test.name,
    file: test.file,
    model,
    kind: KINDS[quantifier],
    condition: `${quantifier} ${showProposition(test.condition.proposition)}`,
    states: states.map(({ values, executions }) => ({
      values: Object.fromEntries(values.map(({ location, value }) => [location, value])),
      executions,
    })),
    ok,
    positive,
    negative,
    observation,
    loopCut: tooFar,
    searchedStates: searched,
    documented: result.documented ?? null,
    asDocumented: result.agreement === 'nothing documented' ? null : result.agreement === 'as documented',
  }
}

/** The whole document, of results that are JSON already. */
export function litmusDocument(
  results: readonly string[],
  errors: readonly FileError[],
  status: number,
): string {
  const nested = results.map((text) => `\n${text}`.replaceAll('\n', '\n    ')).join(',')
  const rest = JSON.stringify(errors, undefined, 2).replaceAll('\n', '\n  ')
  return `{\n  "format": ${LITMUS_FORMAT},\n  "status": ${status},\n  "results": [${nested}\n  ],\n  "errors": ${rest}\n}`
}

/** `SB  tso  Allowed  Ok  Sometimes 1 3`. */
export function summaryLine(result: FileResult): string {
  const { test, model, quantifier, ok, observation, positive, negative, tooFar, agreement, documented } =
    result
  return [
    test.name.padEnd(24),
    model.padEnd(3),
    KINDS[quantifier].padEnd(9),
    (tooFar ? 'Loop ' : '') + (ok ? 'Ok' : 'No'),
    observation.padEnd(9),
    `${positive} ${negative}`,
    ...(agreement === 'not as documented' ? [`documented: ${documented}`] : []),
  ].join('  ')
}

/** `120 tests under tso: 38 Sometimes, 82 Never; 120 of 120 documented answers came out`. */
export function totals(
  results: readonly Pick<FileResult, 'model' | 'observation' | 'agreement'>[],
  model: string,
): string {
  const of = results.filter((result) => result.model === model)
  const observed = (['Always', 'Sometimes', 'Never'] as const)
    .map((word) => [of.filter(({ observation }) => observation === word).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
  const documented = of.filter(({ agreement }) => agreement !== 'nothing documented')
  const right = documented.filter(({ agreement }) => agreement === 'as documented')
  return [
    `${of.length} test${of.length === 1 ? '' : 's'} under ${model}: ${observed.join(', ')}`,
    ...(documented.length === 0
      ? []
      : [`${right.length} of ${documented.length} documented answers came out`]),
  ].join('; ')
}
