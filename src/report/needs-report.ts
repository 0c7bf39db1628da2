/** What `needs` says about one scenario with one set of options: plain data. */
import type { Removable } from '../core/operation.ts'
import type { CheckResult } from './result.ts'

/** One thing that can be left out, with its line of code as a reader would name it. */
export interface SiteInfo extends Removable {
  readonly labels: readonly string[]
  /** `src/kernel/tlb.ts:96`. */
  readonly where?: string
  /** The text of that line. */
  readonly code?: string
}

export interface FoundSites {
  readonly sites: readonly SiteInfo[]
  /** Every operation that can be reached was met. */
  readonly complete: boolean
}

/** What leaving one site out does. `redundant` holds for this scenario, by a complete search; `unknown`: a limit was hit. */
export type NeedAnswer = 'needed' | 'redundant' | 'unknown'

export interface SiteReport extends SiteInfo {
  readonly answer: NeedAnswer
  /** What the search says without it. */
  readonly without: CheckResult
}

export interface NeedsReport {
  /** With everything in place. When this is not safe, no question about its parts has a meaning, and `sites` is empty. */
  readonly base: CheckResult
  readonly complete: boolean
  readonly sites: readonly SiteReport[]
  /** Sites that are enough for safety together, none of which can be left out then; undefined when there was no time. */
  readonly sufficient?: readonly string[]
}

export function needAnswer({ verdict }: CheckResult): NeedAnswer {
  switch (verdict.verdict) {
    case 'unsafe':
      return 'needed'
    case 'safe':
      return 'redundant'
    case 'inconclusive':
      return 'unknown'
  }
}

/** Exit status: 0 every question has an answer, 1 the scenario is unsafe as it is, 3 something is unknown. */
export function needsStatus(reports: readonly NeedsReport[]): 0 | 1 | 3 {
  if (reports.some(({ base }) => base.verdict.verdict === 'unsafe')) return 1
  const open = ({ base, complete, sites, sufficient }: NeedsReport) =>
    base.verdict.verdict === 'inconclusive' ||
    !complete ||
    sufficient === undefined ||
    sites.some(({ answer }) => answer === 'unknown')
  return reports.some(open) ? 3 : 0
}
