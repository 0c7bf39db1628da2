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

/** Drops single steps as long as what is left still violates something. */
export function dropSteps(program: Program, actions: readonly Action[], options: ReplayOptions): Action[] {
  let kept = [...actions]
  for (let again = true; again; ) {
    again = false
    for (let i = kept.length - 1; i >= 0; i--) {
      // Who violates has to get there: without one of its own operations it would be one short at the end.
      if (kept[i]!.alternative === -1 && kept[i]!.process === kept.at(-1)!.process) continue
      const shorter = kept.toSpliced(i, 1)
      const run = replay(program, shorter, options)
      if (run.impossible || run.violation === undefined) continue
      kept = shorter.slice(0, run.steps.length)
      again = true
    }
  }
  return kept
}
