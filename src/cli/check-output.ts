/** What `check` prints: one result in full, many as tables with the first counterexample, or one JSON document. */
import { checkDocument } from '../report/json.ts'
import { agreement, type CheckResult } from '../report/result.ts'
import { type Style, styleFor } from '../report/style.ts'
import { formatTables } from '../report/table.ts'
import { coverLines, formatResult, formatWitnesses, whatText } from '../report/verdict-text.ts'
import type { Job } from '../run/run.ts'
import { replayCommand } from './replay-command.ts'

interface OutputOptions {
  readonly json?: true
  readonly ascii?: true
  readonly witness?: true
  readonly certificate?: string
  readonly status: 0 | 1 | 3
  readonly demonstration: 'verdicts' | 'documented'
}

/** Prints results on standard output; the result with index i comes from the job with index i. */
export async function printResults(
  results: readonly CheckResult[],
  jobs: readonly Job[],
  options: OutputOptions,
): Promise<void> {
  const replays = new Map(results.map((result, i) => [result, replayCommand(result, jobs[i] as Job)]))
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
  const parts = [text, ...certificateLine(results, options)]
  if (options.witness === true)
    parts.push(
      ...results.flatMap((result) => formatWitnesses(result, style)).map((witness) => `\n${witness}`),
    )
  await write(`${parts.join('\n')}\n`)
}

/** What became of a certificate that was asked for. */
function certificateLine([result]: readonly CheckResult[], { certificate }: OutputOptions): string[] {
  if (certificate === undefined || result === undefined) return []
  const { verdict } = result
  if (verdict.verdict !== 'safe') return ['no certificate: the verdict is not safe']
  const apart = verdict.liveness === undefined ? '' : '; of livelock it says nothing'
  return [`certificate: ${certificate}; 'shootdown verify' confirms it${apart}`]
}

/** In how many cells livelocks were looked for, and not found. */
function livenessLine(results: readonly CheckResult[]): readonly string[] {
  const live = results.flatMap(({ verdict }) =>
    verdict.verdict === 'safe' && verdict.liveness !== undefined ? [verdict.liveness.because] : [],
  )
  if (live.length === 0) return []
  const ends = live.filter((because) => because === 'all-end').length
  const parts = [
    ...(ends === 0 ? [] : [`in ${ends} every execution comes to its end`]),
    ...(ends === live.length ? [] : [`in ${live.length - ends} none that is fair goes on for ever`]),
  ]
  const cells = live.length === 1 ? '1 safe cell' : `${live.length} safe cells`
  return [`no deadlock and no livelock in ${cells}: ${parts.join(', ')}`]
}

/** What each safe verdict of a table is about, where it was asked for. */
function coversOf(results: readonly CheckResult[], style: Style): readonly string[] {
  return results
    .filter(({ covers }) => covers !== undefined)
    .map((result) => [whatText(result), ...coverLines(result, style).slice(1)].join('\n'))
}

function manyResults(
  results: readonly CheckResult[],
  replay: (result: CheckResult) => string,
  options: OutputOptions,
  style: Style,
): string {
  const unsafe = results.filter((result) => result.verdict.verdict === 'unsafe')
  const [first, ...others] = unsafe
  return [
    formatTables(results, style),
    ...openResults(results, style),
    ...livenessLine(results),
    ...coversOf(results, style),
    ...(first === undefined ? [] : [formatResult(first, replay(first), style)]),
    ...(others.length === 0
      ? []
      : [['The other counterexamples:', ...others.map((one) => `  ${replay(one)}`)].join('\n')]),
    ...(options.demonstration === 'documented' ? [conclusion(results, style)] : []),
  ].join('\n\n')
}

/** Why some cells have no answer: each reason once. */
function openResults(results: readonly CheckResult[], style: Style): readonly string[] {
  const reasons = new Map<string, number>()
  for (const { verdict } of results) {
    if (verdict.verdict !== 'inconclusive') continue
    const covered = verdict.covered === undefined ? '' : `\n  covered: ${verdict.covered}`
    const why = verdict.reason + covered
    reasons.set(why, (reasons.get(why) ?? 0) + 1)
  }
  const cells = (count: number) => (count === 1 ? '1 cell' : `${count} cells`)
  const lines = [...reasons].map(
    ([reason, count]) => `${style.warn('inconclusive')}  ${cells(count)}: ${reason}`,
  )
  return lines.length === 0 ? [] : [lines.join('\n')]
}

/** Whether the documented answers came out. */
function conclusion(results: readonly CheckResult[], style: Style): string {
  const count = (wanted: (result: CheckResult) => boolean) => results.filter(wanted).length
  const wrong = results.filter((result) => agreement(result) === 'not as documented')
  const right = count((result) => agreement(result) === 'as documented')
  const open = count((result) => result.verdict.verdict === 'inconclusive')
  const rest = open === 0 ? '' : ` ${open} ${open === 1 ? 'is' : 'are'} open.`
  if (wrong.length === 0 && right === 0) return `No answers are documented for these options.${rest}`
  if (wrong.length === 0) return style.good(`${right} of ${results.length} answers are as documented.${rest}`)
  return [
    style.bad(`${wrong.length} of ${results.length} answers are not as documented:`),
    ...wrong.map((result) => `  ${whatText(result)}`),
  ].join('\n')
}

/** Resolves once the text is on its way: a process must not end before a pipe has it all. */
function write(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve())
  })
}
