/** The document that `needs --json` prints. Its schema: docs/schema/needs.json. */
import type { Removable } from '../core/operation.ts'
import { JSON_FORMAT, type ResultDocument, resultDocument } from './json.ts'
import type { NeedAnswer, NeedsReport } from './needs-report.ts'

export interface NeedsDocument {
  readonly format: typeof JSON_FORMAT
  readonly command: 'needs'
  readonly status: 0 | 1 | 3
  readonly results: readonly NeedsResultDocument[]
}

export interface NeedsResultDocument {
  /** With everything in place. */
  readonly base: ResultDocument
  /** Every operation that can be reached was met. */
  readonly complete: boolean
  readonly sites: readonly NeedsSiteDocument[]
  readonly sufficient?: readonly string[]
}

export interface NeedsSiteDocument {
  readonly what: Removable['what']
  readonly site: string
  readonly where?: string
  readonly code?: string
  readonly answer: NeedAnswer
  /** What the search says without it. */
  readonly without: ResultDocument
}

export function needsDocument(
  reports: readonly NeedsReport[],
  status: 0 | 1 | 3,
  replays: readonly string[],
): NeedsDocument {
  return {
    format: JSON_FORMAT,
    command: 'needs',
    status,
    results: reports.map((report, i) => {
      const replay = replays[i] ?? ''
      const { base, complete, sites, sufficient } = report
      return {
        base: resultDocument(base, replay),
        complete,
        sites: sites.map(({ what, site, where, code, answer, without }) => ({
          what,
          site,
          ...(where === undefined ? {} : { where }),
          ...(code === undefined ? {} : { code }),
          answer,
          without: resultDocument(without, `${replay} --show '${site}'`),
        })),
        ...(sufficient === undefined ? {} : { sufficient }),
      }
    }),
  }
}
