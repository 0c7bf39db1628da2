/**
 * What a `safe` is about: which of the program's goals can be reached (EXPLORER 19). To each goal belongs an observer, a
 * process that waits for the goal and then "violates" a property; so the goal has a footprint of its own, and the reduced
 * search may not leave out what leads to it. (Counts over reduced states of the program itself would mean nothing.)
 */
import { Operation, type Task } from '../core/operation.ts'
import { frame, type Goal, type Program } from '../core/program.ts'
import { check } from './check.ts'
import type { CheckOptions, Trail } from './verdict.ts'

export interface Cover {
  readonly goal: string
  /** `unreachable` comes from a complete search. */
  readonly answer: 'reached' | 'unreachable' | 'unknown'
  /** Steps of the witness. */
  readonly witness?: Trail
  /** Why it is not known. */
  readonly reason?: string
  readonly milliseconds: number
}

/** The goals of a program that is safe, each searched for on its own. */
export function coverGoals(build: () => Program, options: CheckOptions = {}): readonly Cover[] {
  return (build().goals ?? []).map((_, index) => coverGoal(build(), index, options))
}

function coverGoal(program: Program, index: number, options: CheckOptions): Cover {
  const goal = program.goals![index] as Goal
  const verdict = check(observed(program, goal), { ...options, liveness: false })
  const { milliseconds } = verdict.counts
  switch (verdict.verdict) {
    case 'safe':
      return { goal: goal.name, answer: 'unreachable', milliseconds }
    case 'inconclusive':
      return { goal: goal.name, answer: 'unknown', reason: verdict.reason, milliseconds }
    case 'unsafe': {
      const { trail } = verdict
      // Of a program that is safe only the observer reports anything; another one gets no answer here.
      if (trail.violation.message !== goal.name) {
        return { goal: goal.name, answer: 'unknown', reason: 'the program is not safe', milliseconds }
      }
      return { goal: goal.name, answer: 'reached', witness: trail, milliseconds }
    }
  }
}

/** The program with an observer of one goal. */
function observed(program: Program, goal: Goal): Program {
  const cells = goal.cells()
  const observer = {
    name: 'goal',
    main: frame(function* observer(): Task<void> {
      yield* new Operation<void>({
        kind: 'assert',
        label: goal.name,
        footprint: () => ({ reads: cells }),
        guard: (memory) => goal.holds(memory),
        apply: (memory) => {
          memory.violate({ property: 'assertion', message: goal.name, cells: [] })
          return 0
        },
      })
    }),
    sources: [],
    buffered: false,
    daemon: true,
  }
  return { ...program, processes: [...program.processes, observer] }
}
