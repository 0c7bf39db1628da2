/** Cutting a counterexample down: to the causal past of its last step, and by dropping what is not needed. */
import type { Cell } from '../core/cells.ts'
import type { Program } from '../core/program.ts'
import { type Replay, type ReplayOptions, replay, type StepAccess } from './replay.ts'
import type { Action } from './verdict.ts'

/**
 * The steps on which the last one depends, directly or not. They can be run without the others, and end in the same
 * violation. (A deadlock is not the matter of one step: it has to be kept whole.)
 */
export function causalPast(run: Replay): Action[] {
  const { steps } = run
  const needed = new Set([steps.length - 1])
  for (let later = steps.length - 1; later >= 0; later--) {
    if (!needed.has(later)) continue
    for (let earlier = 0; earlier < later; earlier++) {
      if (depends(run, earlier, later)) needed.add(earlier)
    }
  }
  return steps.flatMap(({ process, alternative, choice }, i) =>
    needed.has(i) ? [{ process, alternative, choice }] : [],
  )
}

/** Whether step `later` may not come before step `earlier`. */
function depends({ steps, accesses }: Replay, earlier: number, later: number): boolean {
  const a = steps[earlier]!
  const b = steps[later]!
  const before = accesses[earlier]!
  const after = accesses[later]!
  if (a.process === b.process) {
    const aDrains = a.alternative === -2
    const bDrains = b.alternative === -2
    if (aDrains === bDrains) return true
    if (bDrains && after.enqueuedAt === earlier) return true
    if (aDrains && after.drains) return true
  }
  return conflict(before, after)
}

function conflict(a: StepAccess, b: StepAccess): boolean {
  const allOfA = touched(a)
  const allOfB = touched(b)
  const writes = (of: StepAccess, others: ReadonlySet<Cell>) =>
    (of.own.writes ?? []).some((cell) => others.has(cell))
  return writes(a, allOfB) || writes(b, allOfA)
}

const touchedBy = new WeakMap<StepAccess, ReadonlySet<Cell>>()

/** Every cell of a step's footprint. */
function touched(access: StepAccess): ReadonlySet<Cell> {
  let cells = touchedBy.get(access)
  if (cells === undefined) {
    const { loads = [], reads = [], writes = [] } = access.own
    cells = new Set([...loads, ...reads, ...writes])
    touchedBy.set(access, cells)
  }
  return cells
}

/** Drops single steps as long as what is left still violates the same property. */
export function dropSteps(program: Program, actions: readonly Action[], options: ReplayOptions): Action[] {
  let kept = [...actions]
  const property = replay(program, actions, options).violation?.property
  for (let again = true; again; ) {
    again = false
    for (let i = kept.length - 1; i >= 0; i--) {
      // Who violates has to get there: without one of its own operations it would be one short at the end.
      if (kept[i]!.alternative === -1 && kept[i]!.process === kept.at(-1)!.process) continue
      const shorter = kept.toSpliced(i, 1)
      const run = replay(program, shorter, options)
      if (run.impossible || run.violation?.property !== property) continue
      kept = shorter.slice(0, run.steps.length)
      again = true
    }
  }
  return kept
}

/**
 * The same steps with fewer switches between CPUs: whoever moves goes on as long as what its steps depend on has happened,
 * and then whoever can go on longest. Each step keeps its place among those that it depends on, so the end is the same.
 */
export function fewerSwitches(
  program: Program,
  actions: readonly Action[],
  options: ReplayOptions,
): readonly Action[] {
  const run = replay(program, actions, options)
  const before = actions.map((_, later) =>
    actions.flatMap((_, earlier) => (earlier < later && depends(run, earlier, later) ? [earlier] : [])),
  )
  let best = actions
  for (const first of new Set(actions.map(({ process }) => process))) {
    const order: number[] = []
    for (let process = first; order.length < actions.length; ) {
      const runs = program.processes.map((_, p) => longestRun(actions, before, order, p))
      if (runs[process]!.length === 0)
        process = runs.reduce((a, b, p) => (b.length > runs[a]!.length ? p : a), 0)
      order.push(...runs[process]!)
    }
    const reordered = order.map((i) => actions[i]!)
    if (switchesOf(reordered) >= switchesOf(best)) continue
    const again = replay(program, reordered, options)
    if (!again.impossible && again.violation !== undefined && again.steps.length === actions.length)
      best = reordered
  }
  return best
}

/** The steps that a process can take in a row, after those of `done`. */
function longestRun(
  actions: readonly Action[],
  before: readonly (readonly number[])[],
  done: readonly number[],
  process: number,
): number[] {
  const happened = new Set(done)
  const steps: number[] = []
  for (const [i, action] of actions.entries()) {
    if (action.process !== process || happened.has(i)) continue
    if (!before[i]!.every((earlier) => happened.has(earlier))) continue
    happened.add(i)
    steps.push(i)
  }
  return steps
}

export function switchesOf(actions: readonly Action[]): number {
  return actions.filter(({ process }, i) => i > 0 && process !== actions[i - 1]!.process).length
}
