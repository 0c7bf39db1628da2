/** Programs that several threads build alike. */
import type { Program } from '../../../src/core/program.ts'
import type { TeamPlan } from '../../../src/explore/parallel/team.ts'
import { DEFAULT_OPTIONS, type ScenarioOptions } from '../../../src/scenarios/scenario.ts'
import { threadTable } from '../../../src/scenarios/thread-table.ts'
import { build, type Thread } from '../language.ts'

/** What is searched. */
export interface Subject {
  /** A program in the tests' language. */
  readonly threads?: readonly Thread[]
  /** Or a cell of the thread's table. */
  readonly cell?: Partial<ScenarioOptions>
  readonly options?: { readonly maxStates?: number }
}

export interface Job extends Subject {
  readonly plan: TeamPlan
}

export function programOf({ threads, cell }: Subject): Program {
  if (threads !== undefined) return build(threads, true)
  return threadTable.build({ ...DEFAULT_OPTIONS, ...cell })
}
