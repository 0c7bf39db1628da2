/**
 * Seeded random walks before the first search. They find most nodes, masks and widths cheaply, so that fewer searches are
 * thrown away because a mask grew; and a violation that they meet is a verdict even when the search does not get there.
 */
import type { Violation } from '../core/violation.ts'
import type { Clock } from './clock.ts'
import type { Engine } from './engine.ts'
import { EVERYBODY, visitTransitions } from './transitions.ts'
import type { Action } from './verdict.ts'

const SEED = 0x5eed
const MAX_WALKS = 200
const MAX_STEPS = 3000
const MAX_MILLISECONDS = 1000
/** Steps of one walk without anything new, after which it goes round in circles. */
const IDLE_STEPS = 200
/** Walks in a row without anything new, after which it is enough. */
const IDLE_WALKS = 12

export interface Found {
  readonly actions: readonly Action[]
  readonly violation: Violation
}

/** The shortest violation that was met, if any. */
export function warmUp(engine: Engine, clock: Clock): Found | undefined {
  const { recorder } = engine.automata
  const random = mulberry32(SEED)
  const until = clock.milliseconds + MAX_MILLISECONDS
  let found: Found | undefined
  for (let walk = 0, idle = 0; walk < MAX_WALKS && idle < IDLE_WALKS; walk++) {
    const known = recorder.size + recorder.futures.growth
    const met = walkOnce(engine, random)
    if (met !== undefined && (found === undefined || met.actions.length < found.actions.length)) found = met
    idle = recorder.size + recorder.futures.growth === known ? idle + 1 : 0
    if (clock.poll(0, 0, 0) !== undefined || clock.milliseconds > until) break
  }
  return found
}

function walkOnce(engine: Engine, random: () => number): Found | undefined {
  const actions: Action[] = []
  const { recorder } = engine.automata
  let known = 0
  let knownSince = 0
  engine.loadInitial()
  for (let steps = 0; steps < MAX_STEPS && steps - knownSince < IDLE_STEPS; steps++) {
    if (recorder.size !== known) {
      known = recorder.size
      knownSince = steps
    }
    const enabled = engine.load()
    if (enabled === 0) {
      const violation = engine.stuck()
      return violation === undefined ? undefined : { actions, violation }
    }
    const action = pick(engine, Math.floor(random() * enabled))
    actions.push(action)
    const violation = engine.step(action.process, action.alternative, action.choice)
    if (violation !== undefined) return { actions, violation }
    engine.current.set(engine.next)
  }
  return undefined
}

/** The enabled transition with a given number. */
function pick(engine: Engine, number: number): Action {
  let left = number
  let picked: Action = { process: 0, alternative: 0, choice: 0 }
  visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
    picked = { process, alternative, choice }
    return left-- === 0
  })
  return picked
}

/** A small generator of pseudo-random numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
