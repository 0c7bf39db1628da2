/** What `check` prints: one result in full, many as tables with the first counterexample, or one JSON document. */
import { checkDocument } from '../report/json.ts'
import { agreement, type CheckResult } from '../report/result.ts'
import { type Style, styleFor } from '../report/style.ts'
import { formatTables } from '../report/table.ts'
import { formatResult, whatText } from '../report/verdict-text.ts'
import type { ScenarioInfo } from '../run/protocol.ts'
import { replayCommand } from './replay-command.ts'

interface OutputOptions {
  readonly json?: true
  readonly ascii?: true
  readonly status: 0 | 1 | 3
  readonly demonstration: 'verdicts' | 'documented'
}

/** Prints results on standard output; the result with index i comes from the scenario with index i. */
export async function printResults(
  results: readonly CheckResult[],
  infos: readonly ScenarioInfo[],
  options: OutputOptions,
): Promise<void> {
  const replays = new Map(
    results.map((result, i) => [result, replayCommand(result, infos[i] as ScenarioInfo)]),
  )
  const replay = (result: CheckResult) => replays.get(result) ?? ''
  if (options.json === true) {
    await write(`${JSON.stringify(checkDocument(results, options.status, replay), undefined, 2)}\n`)
    return
  }
  const style = styleFor(process.stdout, options.ascii === true ? { ascii: true } : {})
  const [only] = results
  const text =
    results.length === 1 && only !== undefined
      ? formatResult(only, replay(only), style)
      : manyResults(results, replay, options, style)
  await write(`${text}\n`)
}

function manyResults(
  results: readonly CheckResult[],
  replay: (result: CheckResult) => string,
  options: OutputOptions,
  style: Style,
): string {
  const unsafe = results.filter((result) => result.verdict.verdict === 'unsafe')
  const open = results.filter((result) => result.verdict.verdict === 'inconclusive')
  const [first, ...others] = unsafe
  return [
    formatTables(results, style),
    ...open.map((result) => formatResult(result, undefined, style)),
    ...(first === undefined ? [] : [formatResult(first, replay(first), style)]),
    ...(others.length === 0
      ? []
      : [['The other counterexamples:', ...others.map((one) => `  ${replay(one)}`)].join('\n')]),
    ...(options.demonstration === 'documented' ? [conclusion(results, style)] : []),
  ].join('\n\n')
}

/** Whether the documented answers came out. */
function conclusion(results: readonly CheckResult[], style: Style): string {
  const wrong = results.filter((result) => agreement(result) === 'not as documented')
  const known = results.filter((result) => agreement(result) === 'as documented')
  const documented = results.filter((result) => result.expected !== undefined)
  if (documented.length === 0) return 'No answers are documented for these options.'
  if (wrong.length === 0)
    return style.good(`${known.length} of ${documented.length} answers are as documented.`)
  return [
    style.bad(`${wrong.length} of ${documented.length} answers are not as documented:`),
    ...wrong.map((result) => `  ${whatText(result)}`),
  ].join('\n')
}

/** Resolves once the text is on its way: a process must not end before a pipe has it all. */
function write(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve())
  })
}
