/** Checks a program: the explorer's front door. */
import { InternalError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import type { Automata } from './automata.ts'
import { Clock } from './clock.ts'
import { checkTraces } from './dpor/check-traces.ts'
import { firstWidths } from './engine.ts'
import { hunt } from './hunt.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import { findLivelock, type LivelockResult } from './liveness/livelock.ts'
import { recordSearch } from './record.ts'
import { shortest } from './shortest.ts'
import { type StableSearch, searchUntilStable } from './stable.ts'
import { type Symmetry, withSymmetry } from './symmetry/symmetry.ts'
import { makeTrail } from './trail.ts'
import type { Action, CheckOptions, SearchCounts, Verdict } from './verdict.ts'

const UNASKED = 'loops may go round for ever (--liveness looks whether they do)'

/** Which schedules a reduced search has left for later depends on all that it would have looked at. */
const NOT_ENDED =
  'no set of schedules completely; --preemptions N goes through them by their preemptions, and says how far it came'

/**
 * Explores every interleaving of a program, and says whether any violates a property.
 *
 * `safe` is a proof for this program: the search was complete. `unsafe` carries an interleaving that has been replayed on the
 * program itself. Everything else is `inconclusive`, with the reason.
 *
 * @throws GuestProgramError when the program itself is at fault: it throws, is not deterministic, yields no operations
 */
export function check(program: Program, options: CheckOptions = {}): Verdict {
  const liveness = options.liveness ?? program.liveness === true
  if (options.preemptions !== undefined || options.engine === 'random' || options.engine === 'pct') {
    return hunt(program, options)
  }
  if (options.engine === 'dpor') {
    const verdict = checkTraces(program, options)
    // Every execution has been explored to its end.
    const ends = verdict.verdict === 'safe' && liveness
    return ends ? { ...verdict, liveness: { because: 'all-end', states: 0 } } : verdict
  }
  const clock = new Clock(options)
  const { onSafe } = options
  const recording = {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set<string>(),
    symmetry: options.symmetry ?? true,
    ...(onSafe && { onSafe }),
  }
  try {
    const { value, symmetry } = withSymmetry(program, recording, (automata, symmetry) =>
      checkStates(program, automata, symmetry, clock, options),
    )
    const report = symmetry()
    return report === undefined ? value : { ...value, symmetry: report }
  } catch (error) {
    options.crew?.fail()
    throw error
  }
}

function checkStates(
  program: Program,
  automata: Automata,
  symmetry: Symmetry | undefined,
  clock: Clock,
  options: CheckOptions,
): Verdict {
  const liveness = options.liveness ?? program.liveness === true
  const widths = firstWidths(program)
  const searched = searchUntilStable(automata, widths, clock, options, undefined, symmetry)
  const { result, found } = searched
  const { bounds } = program
  const counts = () => countsOf(searched, automata, clock)
  if (result.outcome === 'complete') {
    if (found !== undefined)
      throw new InternalError('a complete search has not found what a random walk has met')
    automata.recorder.audit()
    automata.trees.decisions.audit()
    options.onSafe?.(() => recordSearch(automata, widths, options))
    const safe = { verdict: 'safe', counts: counts(), bounds } as const
    // What goes round for ever is no violation unless that is asked; whoever reads `safe` should know.
    if (!liveness && automata.recorder.hasLoops) return { ...safe, bounds: [...bounds, UNASKED] }
    if (!liveness) return safe
    // Without cycles every execution comes to its end.
    if (!automata.cycles.needProviso && !automata.cycles.possible() && options.persistentSets !== false)
      return { ...safe, liveness: { because: 'all-end', states: 0 } }
    return livenessOf(findLivelock(program, automata, widths, clock, options), counts(), bounds)
  }
  const met: (readonly Action[])[] = result.violation === undefined ? [] : [result.actions]
  if (found !== undefined) met.push(found.actions)
  if (met.length === 0) {
    const { reason } = result
    return { verdict: 'inconclusive', reason, covered: NOT_ENDED, counts: counts(), bounds }
  }
  const trail = makeTrail(program, met, options, (limit) =>
    shortest(automata, widths, clock, options, limit, symmetry),
  )
  return { verdict: 'unsafe', property: trail.violation.property, trail, counts: counts(), bounds }
}

/** The verdict of a program that is safe from everything but, perhaps, livelock. */
function livenessOf(result: LivelockResult, counts: SearchCounts, bounds: readonly string[]): Verdict {
  const { states } = result
  switch (result.found) {
    case 'none':
      return { verdict: 'safe', counts, bounds, liveness: { because: 'no-fair-cycle', states } }
    case 'livelock':
      return { verdict: 'unsafe', property: 'progress', trail: result.trail, counts, bounds }
    case 'limit': {
      const reason = `looking for a livelock: ${result.reason}`
      const covered = 'a complete search found no violation and no deadlock; livelock is open'
      return { verdict: 'inconclusive', reason, covered, counts, bounds }
    }
  }
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
