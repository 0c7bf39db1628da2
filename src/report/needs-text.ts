/** What `needs` prints: what can be left out, by answer, each beside its line of code. */
import type { NeedAnswer, NeedsReport, SiteReport } from './needs-report.ts'
import type { CheckResult } from './result.ts'
import type { Style } from './style.ts'
import { countsText, formatResult, whatText } from './verdict-text.ts'
import { wrap } from './wrap.ts'

const HEADINGS: Readonly<Record<NeedAnswer, string>> = {
  needed: 'needed: without it a property is lost',
  redundant: 'redundant in this scenario: a complete search without it is safe',
  unknown: 'unknown: the search without it did not end',
}

/** Width of the word for what a site is. */
const WHAT = 16
const INDENT = ' '.repeat(WHAT)

/** What the search without a site says: `hardware-walk lifetime, 50 steps`. */
export function lostText({ verdict }: CheckResult): string {
  switch (verdict.verdict) {
    case 'unsafe': {
      const { steps, length } = verdict.trail
      const least = length === 'proved-shortest' ? 'shortest counterexample' : 'counterexample'
      return `${verdict.property}: ${least} of ${steps.length} steps`
    }
    case 'safe':
      return countsText(verdict.counts)
    case 'inconclusive':
      return verdict.reason
  }
}

function clipped(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 3)}...`
}

function siteLines(site: SiteReport, style: Style): readonly string[] {
  const { what, where, code, answer, without } = site
  const paint = answer === 'needed' ? style.bad : answer === 'redundant' ? style.good : style.warn
  const room = style.width - INDENT.length - (where?.length ?? 0) - 2
  const place = where === undefined ? [] : [`${INDENT}${where}  ${clipped(code ?? '', room)}`.trimEnd()]
  const said = answer === 'redundant' ? [] : [`${INDENT}${paint(lostText(without))}`]
  return [`${`  ${what}`.padEnd(WHAT)}${style.bold(site.site)}`, ...said, ...place.map(style.dim)]
}

function group(report: NeedsReport, answer: NeedAnswer, style: Style): readonly string[] {
  const sites = report.sites.filter((site) => site.answer === answer)
  if (sites.length === 0) return []
  return ['', HEADINGS[answer], ...sites.flatMap((site) => siteLines(site, style))]
}

function sufficientLines({ sufficient }: NeedsReport): readonly string[] {
  if (sufficient === undefined) return []
  if (sufficient.length === 0) return ['', 'Everything can be left out together.']
  return [
    '',
    'These are enough, all others left out at once; none of them can be left out then:',
    ...sufficient.map((site) => `  ${site}`),
  ]
}

/** The text of one report, without a newline at its end. */
export function formatNeeds(report: NeedsReport, replay: string, style: Style): string {
  const { base, complete } = report
  if (base.verdict.verdict !== 'safe') {
    const why = 'What it needs cannot be asked of a scenario that is not safe as it is.'
    return [formatResult(base, replay, style), '', why].join('\n')
  }
  return [
    `${style.good('safe')} as it is  ${whatText(base)}`,
    style.dim(`complete search: ${countsText(base.verdict.counts)}`),
    ...wrap(`bounds: ${base.verdict.bounds.join('; ')}`, style.width)
      .filter(() => base.verdict.bounds.length > 0)
      .map(style.dim),
    ...(complete ? [] : [style.warn('not every operation was met: sites may be missing')]),
    ...group(report, 'needed', style),
    ...group(report, 'redundant', style),
    ...group(report, 'unknown', style),
    ...sufficientLines(report),
  ].join('\n')
}

/** The counterexamples of mutants that were asked for. */
export function formatTrails(sites: readonly SiteReport[], replay: string, style: Style): string {
  return sites
    .map(({ site, without }) => {
      const again = `${replay} --show '${site}'`
      return [style.bold(`without ${site}`), formatResult(without, again, style)].join('\n')
    })
    .join('\n\n')
}
