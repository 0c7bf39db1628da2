/**
 * Hunting where a complete search is out of reach: random schedules, PCT (probabilistic concurrency testing), and all
 * schedules with few preemptions. Never `safe`; what is guaranteed is said in `covered`.
 */
import type { Program } from '../core/program.ts'
import { Automata } from './automata.ts'
import { Clock } from './clock.ts'
import { type Engine, firstWidths } from './engine.ts'
import { DEFAULT_DEPTH, DEFAULT_OPERATIONS_PER_CALL, DEFAULT_SEED, withinLimits } from './limits.ts'
import { type Boundary, searchPreemptions } from './preemptions.ts'
import { mulberry32, PctPicker, type Picker, randomPicker } from './schedulers.ts'
import { shortest } from './shortest.ts'
import { widening } from './stable.ts'
import { makeTrail } from './trail.ts'
import type { Action, CheckOptions, Verdict } from './verdict.ts'

const DEFAULT_EXECUTIONS = 10_000
/** An execution that is longer is given up: somebody goes round in circles. */
const LONGEST = 20_000
/** Executions that only measure how long executions are. */
const MEASURED = 50

interface Hunted {
  /** Executions that were drawn; of `random` and `pct`. */
  readonly executions?: number
  /** Distinct states, where they are kept. */
  readonly states?: number
  readonly actions: readonly Action[] | undefined
  readonly steps: number
  readonly bytes: number
  /** What is guaranteed of what was looked at. */
  readonly covered: string
  readonly reason: string
}

/** Looks for a violation; without one the verdict is `inconclusive`, with what has been covered. */
export function hunt(program: Program, options: CheckOptions): Verdict {
  const clock = new Clock(options)
  clock.phase = 'search'
  if (options.preemptions === undefined) clock.unit = 'step'
  const automata = new Automata(program, {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set(),
  })
  const widths = firstWidths(program)
  // A field that is too narrow starts it again: the same seed, and wider.
  const { value } = widening(automata, widths, (engine) => huntWith(engine, clock, options))
  const counts = {
    states: value.states ?? value.steps,
    transitions: value.steps,
    nodes: automata.recorder.size,
    rounds: 1,
    milliseconds: Math.round(clock.milliseconds),
    bytesPerState: 0,
    ...(value.executions !== undefined && { executions: value.executions }),
  }
  const { bounds } = program
  const { actions, covered, reason } = value
  if (actions === undefined) return { verdict: 'inconclusive', reason, covered, counts, bounds }
  const trail = makeTrail(program, [actions], options, (limit) =>
    shortest(automata, widths, clock, options, limit),
  )
  return { verdict: 'unsafe', property: trail.violation.property, trail, counts, bounds }
}

function huntWith(engine: Engine, clock: Clock, options: CheckOptions): Hunted {
  if (options.preemptions !== undefined) {
    const found = searchPreemptions(engine, clock, options.preemptions, options.maxStates)
    return { ...found, covered: boundaryText(found) }
  }
  const seed = options.seed ?? DEFAULT_SEED
  const executions = options.executions ?? DEFAULT_EXECUTIONS
  return options.engine === 'pct'
    ? pct(engine, clock, seed, executions, options.depth ?? DEFAULT_DEPTH)
    : random(engine, clock, seed, executions)
}

function boundaryText({ complete, violated }: Boundary): string {
  if (violated || complete < 0) return 'no number of preemptions completely'
  const all =
    complete === 0 ? 'without preemptions' : `with at most ${complete} preemption${complete === 1 ? '' : 's'}`
  return `all schedules ${all} (a drain of a store buffer is none)`
}

function random(engine: Engine, clock: Clock, seed: number, executions: number): Hunted {
  const next = mulberry32(seed)
  let steps = 0
  for (let done = 0; done < executions; done++) {
    const stop = clock.poll(steps, 0, 0)
    const covered = `${done} random executions (seed ${seed}); nothing is guaranteed`
    const so = { steps, bytes: 0, covered, executions: done }
    if (stop !== undefined) return { ...so, actions: undefined, reason: stop }
    const run = execute(engine, randomPicker(next))
    steps += run.length
    if (run.violated) return { ...so, steps, executions: done + 1, actions: run.actions, reason: '' }
  }
  const covered = `${executions} random executions (seed ${seed}); nothing is guaranteed`
  return {
    actions: undefined,
    steps,
    bytes: 0,
    covered,
    executions,
    reason: 'hunting, not a complete search',
  }
}

/**
 * PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): an execution under random priorities of n movers with
 * depth - 1 random changes among at most k steps meets a bug of that depth with probability at least 1 / (n k^(depth - 1)).
 */
function pct(engine: Engine, clock: Clock, seed: number, executions: number, depth: number): Hunted {
  const next = mulberry32(seed)
  let steps = 0
  let longest = 1
  let counted = 0
  const text = () => pctBound({ seed, depth, movers: PctPicker.movers(engine), steps: longest, counted })
  for (let done = 0; done < executions + MEASURED; done++) {
    const stop = clock.poll(steps, 0, 0)
    const so = { bytes: 0, executions: done }
    if (stop !== undefined) return { ...so, actions: undefined, steps, covered: text(), reason: stop }
    const picker = done < MEASURED ? randomPicker(next) : new PctPicker(engine, depth, longest, next)
    const run = execute(engine, picker)
    steps += run.length
    if (run.violated) {
      return { ...so, executions: done + 1, actions: run.actions, steps, covered: text(), reason: '' }
    }
    if (run.length > longest) {
      // The bound is about executions of at most k steps: with a larger k it starts anew.
      longest = run.length
      counted = 0
    } else if (done >= MEASURED) counted++
  }
  const all = executions + MEASURED
  return {
    actions: undefined,
    steps,
    bytes: 0,
    covered: text(),
    executions: all,
    reason: 'hunting, not a complete search',
  }
}

export interface PctFacts {
  readonly seed: number
  readonly depth: number
  readonly movers: number
  readonly steps: number
  readonly counted: number
}

/** Probability that none of the counted executions meets a bug of this depth is at most what is said. */
export function pctBound({ seed, depth, movers, steps, counted }: PctFacts): string {
  const each = 1 / (movers * steps ** (depth - 1))
  const all = 1 - (1 - each) ** counted
  return (
    `${counted} PCT executions (seed ${seed}) of at most ${steps} steps of ${movers} movers: a bug of depth ${depth}, if there ` +
    `is one, is met with probability at least ${each.toExponential(1)} in each, ${all.toPrecision(2)} in all (choices of the environment given)`
  )
}

interface Execution {
  readonly actions: readonly Action[]
  readonly length: number
  readonly violated: boolean
}

/** One execution to its end. */
function execute(engine: Engine, picker: Picker): Execution {
  const actions: Action[] = []
  return withinLimits(
    () => executeInto(actions, engine, picker),
    () => ({ actions, length: actions.length, violated: false }),
  )
}

function executeInto(actions: Action[], engine: Engine, picker: Picker): Execution {
  engine.loadInitial()
  while (actions.length < LONGEST) {
    if (engine.load() === 0)
      return { actions, length: actions.length, violated: engine.stuck() !== undefined }
    const action = picker.pick(engine, actions.length)
    actions.push(action)
    const violation = engine.step(action.process, action.alternative, action.choice)
    if (violation !== undefined) return { actions, length: actions.length, violated: true }
    engine.current.set(engine.next)
  }
  return { actions, length: actions.length, violated: false }
}
