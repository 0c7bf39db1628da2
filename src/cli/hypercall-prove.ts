/** `shootdown hypercall prove`: the claims about the list builders, asked of z3 one by one. */
import { hex } from '../abi/bytes.ts'
import { UsageError } from '../core/errors.ts'
import { type ClaimResult, proveRanges } from '../prove/prove-ranges.ts'
import { BUILDER_NAMES, type BuilderName, type ClaimProperty } from '../prove/range-scene.ts'
import { type Style, styleFor } from '../report/style.ts'

/** Options of `hypercall prove`, as commander gives them. */
export interface ProveOptions {
  readonly timeout: number
  readonly json?: boolean
}

/** What a builder is, for the heading above its claims. */
const TITLES: Readonly<Record<BuilderName, string>> = {
  '2017': 'fillGvaList2017: the patch of 2017 (2ffd9e33ce4a)',
  today: 'fillGvaList: Linux since 4030b4c585c4 (2019)',
  exact: 'fillGvaListExact: ours, legacy format',
  extended: 'fillGvaListExtended: ours, extended format up to 2 MiB',
  'extended-1g': 'fillGvaListExtended: ours, extended format up to 1 GiB',
}

const PROPERTIES: Readonly<Record<ClaimProperty, string>> = {
  ends: 'the loop ends',
  covers: 'the list covers the range',
  exact: 'nothing beyond it',
  fits: 'the list fits its page',
}

/** Exit status 0 when every claim came out as documented, 1 when one did not, 3 when z3 gave up on one. */
export async function runProve(
  names: readonly string[],
  options: ProveOptions,
  stream: { readonly isTTY?: boolean; write(text: string): unknown },
): Promise<number> {
  const builders = names.length === 0 ? BUILDER_NAMES : names.map(builderOf)
  const style = styleFor(stream, {})
  let heading: BuilderName | null = null
  const results = await proveRanges(builders, options.timeout, (result) => {
    if (options.json === true) return
    const { builder } = result.claim
    if (builder !== heading) stream.write(`${heading === null ? '' : '\n'}${style.bold(TITLES[builder])}\n`)
    heading = builder
    stream.write(`${claimLines(result, style).join('\n')}\n`)
  })
  if (options.json === true) stream.write(`${JSON.stringify(documentOf(results), null, 2)}\n`)
  else stream.write(`\n${summary(results, style)}\n`)
  if (results.some((r) => r.outcome === 'unknown')) return 3
  return results.every(asDocumented) ? 0 : 1
}

function builderOf(name: string): BuilderName {
  const found = BUILDER_NAMES.find((known) => known === name)
  if (found === undefined)
    throw new UsageError(`builder "${name}" is unknown; known: ${BUILDER_NAMES.join(', ')}`)
  return found
}

/** A counterexample that the code does not show is no counterexample. */
function asDocumented(result: ClaimResult): boolean {
  const confirmed = result.counterexample?.run.includes('NOT CONFIRMED') !== true
  return result.outcome === result.claim.expected && confirmed
}

function claimLines(result: ClaimResult, style: Style): string[] {
  const { claim, counterexample } = result
  const words = {
    proved: style.good('proved '),
    refuted: style.bad('REFUTED'),
    unknown: style.warn('unknown'),
  }
  const head = `  ${PROPERTIES[claim.property].padEnd(26)} ${words[result.outcome]}  ${claim.scope}`
  const surprise = result.outcome === claim.expected ? [] : [`      documented: ${claim.expected}`]
  if (counterexample !== undefined) {
    const numbers = `start ${hex(counterexample.start)}  end ${hex(counterexample.end)}`
    return [head, `      ${numbers}`, `      ${counterexample.run}`, ...surprise]
  }
  if (result.outcome === 'unknown')
    return [head, `      ${result.reason ?? 'no answer'}: try a longer --timeout`]
  return [head, ...result.lemmas.map((lemma) => style.dim(`      ${lemma}`)), ...surprise]
}

function summary(results: readonly ClaimResult[], style: Style): string {
  const count = (outcome: ClaimResult['outcome']): number =>
    results.filter((r) => r.outcome === outcome).length
  const lemmas = results.reduce((sum, r) => sum + (r.outcome === 'proved' ? r.lemmas.length : 0), 0)
  const time = (results.reduce((sum, r) => sum + r.milliseconds, 0) / 1000).toFixed(1)
  const parts = [
    `${count('proved')} claims proved (${lemmas} lemmas)`,
    `${count('refuted')} refuted with numbers`,
  ]
  if (count('unknown') > 0) parts.push(`${count('unknown')} unknown`)
  const end = results.every(asDocumented) ? 'all as documented' : style.bad('NOT all as documented')
  return `${parts.join(', ')}, ${end}, ${time} s`
}

function documentOf(results: readonly ClaimResult[]): object {
  return {
    format: 1,
    command: 'hypercall prove',
    claims: results.map(({ claim, outcome, lemmas, counterexample, reason, milliseconds }) => ({
      builder: claim.builder,
      property: claim.property,
      scope: claim.scope,
      expected: claim.expected,
      outcome,
      lemmas,
      ...(counterexample === undefined
        ? {}
        : {
            counterexample: {
              start: hex(counterexample.start),
              end: hex(counterexample.end),
              run: counterexample.run,
            },
          }),
      ...(reason === undefined ? {} : { reason }),
      milliseconds,
    })),
  }
}
