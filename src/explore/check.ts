/** Checks a program: the explorer's front door. */
import { InternalError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import { Automata } from './automata.ts'
import { causalPast, dropSteps, fewerSwitches, switchesOf } from './causal.ts'
import { Clock } from './clock.ts'
import { firstWidths } from './engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import { type ReplayOptions, replay } from './replay.ts'
import { shortest } from './shortest.ts'
import { type StableSearch, searchUntilStable } from './stable.ts'
import type { Action, CheckOptions, SearchCounts, Trail, Verdict } from './verdict.ts'

/**
 * Explores every interleaving of a program, and says whether any violates a property.
 *
 * `safe` is a proof for this program: the search was complete. `unsafe` carries an interleaving that has been replayed on the
 * program itself. Everything else is `inconclusive`, with the reason.
 *
 * @throws GuestProgramError when the program itself is at fault: it throws, is not deterministic, yields no operations
 */
export function check(program: Program, options: CheckOptions = {}): Verdict {
  const clock = new Clock(options)
  const automata = new Automata(program, {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set(),
  })
  const widths = firstWidths(program)
  const searched = searchUntilStable(automata, widths, clock, options)
  const { result, found } = searched
  const { bounds } = program
  const counts = () => countsOf(searched, automata, clock)
  if (result.outcome === 'complete') {
    if (found !== undefined)
      throw new InternalError('a complete search has not found what a random walk has met')
    automata.recorder.audit()
    return { verdict: 'safe', counts: counts(), bounds }
  }
  const met: (readonly Action[])[] = result.violation === undefined ? [] : [result.actions]
  if (found !== undefined) met.push(found.actions)
  if (met.length === 0) return { verdict: 'inconclusive', reason: result.reason, counts: counts(), bounds }
  const trail = makeTrail(program, met, options, (limit) => shortest(automata, widths, clock, options, limit))
  return { verdict: 'unsafe', property: trail.violation.property, trail, counts: counts(), bounds }
}

/** Cuts violating schedules down, looks for a shortest one, and replays what is printed. */
function makeTrail(
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

function countsOf({ result, rounds }: StableSearch, automata: Automata, clock: Clock): SearchCounts {
  return {
    states: result.states,
    transitions: result.transitions,
    nodes: automata.recorder.size,
    rounds,
    milliseconds: Math.round(clock.milliseconds),
    bytesPerState: Math.round(result.bytes / Math.max(1, result.states)),
  }
}
