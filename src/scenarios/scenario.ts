/** Scenarios: named questions, each of which builds a program for given options. */
import type { Program } from '../core/program.ts'
import type { Property } from '../core/violation.ts'

export type MemoryModel = 'tso' | 'sc'

/** What a scenario may be built for. A scenario ignores what it has no use for, and says so in `uses`. */
export interface ScenarioOptions {
  readonly cpus: number
  readonly memoryModel: MemoryModel
  readonly levels: 4 | 5
  /** Flush backend, of `FLUSH_BACKENDS`. */
  readonly flush: string
  /** Table-freeing policy, of `FREE_POLICIES`. */
  readonly free: string
  /** Software walker, of `WALKERS`. */
  readonly walker: string
  /** Hyper-V implementation, of `PROFILES`. */
  readonly profile: string
}

export interface Scenario {
  /** `boot-order`: letters, digits, hyphens. */
  readonly name: string
  /** One line: the question. */
  readonly title: string
  /** What to know about it: a few sentences, and where it comes from (mail, commit id). */
  readonly about?: string
  /** Options that change this scenario; the others are ignored. */
  readonly uses: readonly (keyof ScenarioOptions)[]
  /** Where they differ from the usual ones (2 CPUs, TSO, 4 levels, native, immediate, gup-fast, tlfs). */
  readonly defaults?: Partial<ScenarioOptions>
  /** Its question is progress: a fair execution that never ends is a violation. `check` looks for one unasked. */
  readonly liveness?: boolean
  /** The documented answer for given options, if there is one. */
  readonly expected?: (options: ScenarioOptions) => Expectation | undefined
  build(options: ScenarioOptions): Program
}

export interface Expectation {
  readonly verdict: 'safe' | 'unsafe'
  readonly property?: Property
}

export const DEFAULT_OPTIONS: ScenarioOptions = {
  cpus: 2,
  memoryModel: 'tso',
  levels: 4,
  flush: 'native',
  free: 'immediate',
  walker: 'gup-fast',
  profile: 'tlfs',
}

/** Declares a scenario; the only thing that a user's scenario file has to export (as its default). */
export function scenario(definition: Scenario): Scenario {
  if (definition.liveness !== true) return definition
  return { ...definition, build: (options) => ({ ...definition.build(options), liveness: true }) }
}
