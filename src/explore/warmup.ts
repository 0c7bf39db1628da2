/**
 * Seeded random walks before the first search. They find most nodes, masks and widths cheaply, so that fewer searches are
 * thrown away because a mask grew; and a violation that they meet is a verdict even when the search does not get there.
 */
import type { Violation } from '../core/violation.ts'
import type { Clock } from './clock.ts'
import { DRAIN, type Engine, NEXT } from './engine.ts'
import { withinLimits } from './limits.ts'
import { mulberry32 } from './schedulers.ts'
import { EVERYBODY, visitTransitions } from './transitions.ts'
import type { Action } from './verdict.ts'

const SEED = 0x5eed
const MAX_WALKS = 2000
const MAX_STEPS = 5000
/** Steps of all walks. No limit of time: threads that search together all make the same walks. */
const MAX_ALL_STEPS = 400_000
/** Steps of one walk without anything new, after which it goes round in circles. */
const IDLE_STEPS = 500
/**
 * Walks in a row without anything new, after which it is enough: a search that is thrown away costs less than many walks as long
 * as it is small, so that more are made only when it has become large.
 */
export const FEW = 10
export const MANY = 100

/** Weight of a step of a process that is asleep. */
const ASLEEP = 1e-6

/** Told of each step that an engine has made. */
export type OnStep = (engine: Engine, action: Action) => void

export interface Found {
  readonly actions: readonly Action[]
  readonly violation: Violation
}

/** All walks of one check. */
export class Walks {
  /** The shortest violation that was met, if any. */
  found: Found | undefined
  private readonly random = mulberry32(SEED)
  private readonly budget = { steps: MAX_ALL_STEPS }
  private readonly clock: Clock
  private made = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Walks until so many in a row have met nothing new. */
  walk(engine: Engine, enough: number, onStep?: OnStep): void {
    const { recorder } = engine.automata
    const { random, budget, clock } = this
    for (let idle = 0; this.made < MAX_WALKS && idle < enough; this.made++) {
      const known = recorder.size + recorder.futures.growth
      const met = withinLimits(
        () => walkOnce(engine, new Mood(engine.processes, random), random, budget, onStep),
        () => undefined,
      )
      if (met !== undefined && (this.found === undefined || met.actions.length < this.found.actions.length))
        this.found = met
      idle = recorder.size + recorder.futures.growth === known ? idle + 1 : 0
      if (clock.poll(0, 0, 0) !== undefined || budget.steps <= 0) break
    }
  }
}

/**
 * How likely each kind of step is in a walk. Evenly mixed steps would hardly ever leave one CPU, its drain or its interrupts
 * far behind the others, and it is there that histories are rare.
 */
class Mood {
  private readonly random: () => number
  private readonly processes: number[]
  private readonly drains: number[]
  /** Processes that hardly move before the others are done: what few of them do together, many seldom leave time for. */
  private readonly asleep: boolean[]
  private deliveries = 1

  constructor(processes: number, random: () => number) {
    this.random = random
    this.processes = Array.from({ length: processes }, () => 1)
    this.drains = Array.from({ length: processes }, () => 1)
    this.asleep = Array.from({ length: processes }, () => random() < 1 / 3)
    this.change()
  }

  next(): void {
    if (this.random() < 1 / 30) this.change()
  }

  private change(): void {
    for (const weights of [this.processes, this.drains]) {
      for (const p of weights.keys()) weights[p] = this.draw()
    }
    this.deliveries = this.draw()
  }

  weight(process: number, alternative: number): number {
    if (this.asleep[process]) return ASLEEP
    if (alternative === DRAIN) return this.drains[process]!
    return this.processes[process]! * (alternative === NEXT ? 1 : this.deliveries)
  }

  private draw(): number {
    return [1, 1, 1 / 30, 8][Math.floor(this.random() * 4)]!
  }
}

function walkOnce(
  engine: Engine,
  mood: Mood,
  random: () => number,
  budget: { steps: number },
  onStep: OnStep | undefined,
): Found | undefined {
  const actions: Action[] = []
  const { recorder, cycles } = engine.automata
  const goesRound = cycles.possible()
  let known = 0
  let knownSince = 0
  engine.loadInitial()
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    if (recorder.size !== known) {
      known = recorder.size
      knownSince = steps
    }
    if (goesRound && steps - knownSince > IDLE_STEPS) return undefined
    if (engine.load() === 0) {
      const violation = engine.stuck()
      return violation === undefined ? undefined : { actions, violation }
    }
    mood.next()
    budget.steps--
    const action = pick(engine, mood, random)
    actions.push(action)
    const violation = engine.step(action.process, action.alternative, action.choice)
    if (violation !== undefined) return { actions, violation }
    onStep?.(engine, action)
    engine.current.set(engine.next)
  }
  return undefined
}

/** One of the enabled transitions. */
function pick(engine: Engine, mood: Mood, random: () => number): Action {
  let total = 0
  let picked: Action = { process: 0, alternative: 0, choice: 0 }
  visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
    const weight = mood.weight(process, alternative)
    total += weight
    if (random() * total < weight) picked = { process, alternative, choice }
    return false
  })
  return picked
}
