/** What a thread does that helps with a check: the same as its leader, until the search is over. */
import type { Program } from '../../core/program.ts'
import { check } from '../check.ts'
import type { CheckOptions } from '../verdict.ts'
import { newHelper } from './crew.ts'
import { Dismissed, Team, type TeamPlan } from './team.ts'

/** `program` and `options` have to be the leader's, limits of time apart. Comes back when help is not needed any more. */
export function help(program: Program, options: CheckOptions, plan: TeamPlan, rank: number): void {
  const team = new Team(plan, rank)
  const interrupted = () => {
    team.beat()
    return team.dismissed
  }
  try {
    check(program, { ...options, interrupted, crew: newHelper(team) })
  } catch (error) {
    if (error instanceof Dismissed) return
    team.fail()
    throw error
  }
}
