/** The document that `--json` prints. Its schema: docs/schema/check.json; its words: docs/json.md. */
import type { Cover } from '../explore/vacuity.ts'
import type { Liveness, SearchCounts, SymmetryReport, Trail } from '../explore/verdict.ts'
import type { Expectation, ScenarioOptions } from '../scenarios/scenario.ts'
import { agreement, type CheckResult } from './result.ts'

/** Raised when a field changes its meaning or goes; new fields do not raise it. */
export const JSON_FORMAT = 1

export interface CheckDocument {
  readonly format: typeof JSON_FORMAT
  readonly command: 'check'
  /** The exit status of the command. */
  readonly status: 0 | 1 | 3
  readonly results: readonly ResultDocument[]
}

export interface ResultDocument {
  readonly scenario: string
  readonly title: string
  readonly file?: string
  /** Only the options that the scenario takes notice of. */
  readonly options: Partial<ScenarioOptions>
  readonly expected?: Expectation
  readonly asDocumented?: boolean
  readonly verdict: 'safe' | 'unsafe' | 'inconclusive'
  /** Which limit was hit, with `inconclusive`. */
  readonly reason?: string
  /** What has been searched all the same, with `inconclusive`. */
  readonly covered?: string
  /** The property that is lost, with `unsafe`. */
  readonly property?: string
  readonly message?: string
  readonly trail?: TrailDocument
  /** With `safe`, where livelocks were looked for: why there is none. */
  readonly liveness?: Liveness
  /** With `--why`: events that could hurt, and whether they can be reached. */
  readonly covers?: readonly CoverDocument[]
  readonly counts: SearchCounts
  readonly bounds: readonly string[]
  /** Which CPUs the search has taken for interchangeable, or why none, where CPUs run the same code. */
  readonly symmetry?: SymmetryReport
  /** The command that gives this result again. */
  readonly replay: string
}

export interface CoverDocument extends Omit<Cover, 'witness'> {
  readonly witness?: TrailDocument
}

export type TrailDocument = Omit<Trail, 'violation'> & { readonly initialFacts: readonly string[] }

function usedOptions(result: CheckResult): Partial<ScenarioOptions> {
  const entries = Object.entries(result.options)
  return Object.fromEntries(entries.filter(([name]) => result.uses.some((used) => used === name)))
}

export function resultDocument(result: CheckResult, replay: string): ResultDocument {
  const { verdict, expected } = result
  const agreed = agreement(result)
  return {
    scenario: result.scenario,
    title: result.title,
    ...(result.file === undefined ? {} : { file: result.file }),
    options: usedOptions(result),
    ...(expected === undefined ? {} : { expected }),
    ...(agreed === 'as documented' || agreed === 'not as documented'
      ? { asDocumented: agreed === 'as documented' }
      : {}),
    verdict: verdict.verdict,
    ...(verdict.verdict === 'inconclusive' ? { reason: verdict.reason } : {}),
    ...(verdict.verdict === 'inconclusive' && verdict.covered !== undefined
      ? { covered: verdict.covered }
      : {}),
    ...(verdict.verdict === 'unsafe'
      ? {
          property: verdict.property,
          message: verdict.trail.violation.message,
          trail: {
            length: verdict.trail.length,
            ...(verdict.trail.lasso === undefined ? {} : { lasso: verdict.trail.lasso }),
            switches: verdict.trail.switches,
            initialFacts: result.initialFacts,
            steps: verdict.trail.steps,
          },
        }
      : {}),
    ...(verdict.verdict === 'safe' && verdict.liveness !== undefined ? { liveness: verdict.liveness } : {}),
    ...(result.covers === undefined
      ? {}
      : { covers: result.covers.map((cover) => coverDocument(cover, result.initialFacts)) }),
    counts: verdict.counts,
    bounds: verdict.bounds,
    ...(verdict.symmetry === undefined ? {} : { symmetry: verdict.symmetry }),
    replay,
  }
}

function coverDocument({ witness, ...cover }: Cover, initialFacts: readonly string[]): CoverDocument {
  if (witness === undefined) return cover
  const { violation: _, ...trail } = witness
  return { ...cover, witness: { ...trail, initialFacts } }
}

/** The document of one `check` command, with the command that replays each result. */
export function checkDocument(
  results: readonly CheckResult[],
  status: 0 | 1 | 3,
  replay: (result: CheckResult) => string,
): CheckDocument {
  return {
    format: JSON_FORMAT,
    command: 'check',
    status,
    results: results.map((result) => resultDocument(result, replay(result))),
  }
}
