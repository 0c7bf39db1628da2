/**
 * Livelock: an execution that is fair to everybody and never ends, and leaves somebody behind who should have been done
 * (EXPLORER 17). `fairness.ts` says what is fair.
 */
import type { Program } from '../../core/program.ts'
import type { Automata } from '../automata.ts'
import type { Clock } from '../clock.ts'
import { widening } from '../stable.ts'
import type { CheckOptions, Trail } from '../verdict.ts'
import { fairParts } from './fairness.ts'
import { StateGraph } from './graph.ts'
import { type Lasso, lassoThrough } from './lasso.ts'
import { lassoTrail } from './lasso-trail.ts'

const DEFAULT_MAX_STATES = 3_000_000

export type LivelockResult =
  | { readonly found: 'none'; readonly states: number }
  | { readonly found: 'livelock'; readonly states: number; readonly trail: Trail }
  | { readonly found: 'limit'; readonly states: number; readonly reason: string }

/**
 * Looks for a livelock in a program that violates nothing.
 *
 * @param automata - what was recorded of the program so far
 * @param widths - those of its fields
 */
export function findLivelock(
  program: Program,
  automata: Automata,
  widths: number[],
  clock: Clock,
  options: CheckOptions,
): LivelockResult {
  clock.phase = 'livelock'
  const { value: graph, engine } = widening(automata, widths, (fresh) => {
    const whole = new StateGraph(fresh)
    const stop = whole.explore(clock, options.maxStates ?? DEFAULT_MAX_STATES)
    return { whole, stop }
  })
  const { whole, stop } = graph
  const states = whole.size
  if (stop !== undefined) return { found: 'limit', states, reason: stop }
  let best: Lasso | undefined
  for (const [process, { daemon }] of engine.program.processes.entries()) {
    if (daemon) continue
    for (const part of fairParts(whole, whole.undone(process))) {
      const lasso = lassoThrough(whole, part)
      const length = (one: Lasso) => one.stem.length + one.cycle.length
      if (best === undefined || length(lasso) < length(best)) best = lasso
      // One for each process is enough to choose from.
      break
    }
  }
  if (best === undefined) return { found: 'none', states }
  const { without, maxOperationsPerCall } = options
  const trail = lassoTrail(program, best.stem, best.cycle, { without, maxOperationsPerCall })
  return { found: 'livelock', states, trail }
}
