/** What is printed of a violation: a schedule that was cut down, made shortest where that can be, and replayed. */
import { InternalError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import { causalPast, dropSteps, fewerSwitches, switchesOf } from './causal.ts'
import { type ReplayOptions, replay } from './replay.ts'
import type { Action, CheckOptions, Trail } from './verdict.ts'

/** Cuts violating schedules down, looks for a shortest one, and replays what is printed. */
export function makeTrail(
  program: Program,
  met: readonly (readonly Action[])[],
  options: CheckOptions,
  findShortest: (limit: number) => readonly Action[] | undefined,
): Trail {
  const replayOptions: ReplayOptions = {
    without: options.without,
    maxOperationsPerCall: options.maxOperationsPerCall,
  }
  const [actions] = met
    .map((whole) => cutDown(program, whole, replayOptions))
    .sort((a, b) => a.length - b.length)
  if (actions === undefined) throw new InternalError('no counterexample')
  const best = options.shortest === false ? undefined : findShortest(actions.length)
  const final = best ?? fewerSwitches(program, dropSteps(program, actions, replayOptions), replayOptions)
  const { steps, violation, impossible } = replay(program, final, { ...replayOptions, detailed: true })
  if (impossible || violation === undefined || steps.length !== final.length) {
    throw new InternalError(`a shortest counterexample of ${final.length} steps does not replay`)
  }
  return {
    steps,
    violation,
    length: best === undefined ? 'minimal' : 'proved-shortest',
    switches: switchesOf(steps),
  }
}

/** A violating schedule without what its last step does not depend on. */
function cutDown(program: Program, met: readonly Action[], options: ReplayOptions): readonly Action[] {
  const whole = replay(program, met, options)
  if (whole.impossible || whole.violation === undefined) {
    throw new InternalError(
      `a counterexample of ${met.length} steps does not replay (or the scenario is not deterministic)`,
    )
  }
  const past = causalPast(whole)
  const cut = replay(program, past, options)
  const fits = !cut.impossible && cut.violation?.property === whole.violation.property
  return fits ? past.slice(0, cut.steps.length) : met.slice(0, whole.steps.length)
}
