/**
 * Which steps of a trail a reader has to see. An interleaving has all that the CPUs did; most of it is loads, stores and
 * locks of things that nobody else touches in it.
 */
import type { Starving, Trail, TrailStep } from '../explore/verdict.ts'

/** Steps that count only when another process touches the same cells. What is not listed here is always shown. */
const ORDINARY: ReadonlySet<TrailStep['kind']> = new Set([
  'load',
  'store',
  'drain',
  'rmw',
  'fence',
  'wait',
  'lock',
  'unlock',
])

/** Who reads and who writes each cell. */
interface Users {
  readonly readers: Set<number>
  readonly writers: Set<number>
}

/** A store that is still in its buffer when the trail ends plays a part all the same: others have not seen it. */
function writesOf(step: TrailStep): readonly string[] {
  return step.buffered === undefined ? step.writes : [...step.writes, ...step.buffered]
}

function usersOf(steps: readonly TrailStep[], waiting: readonly Starving[]): ReadonlyMap<string, Users> {
  const users = new Map<string, Users>()
  const of = (cell: string): Users => {
    const known = users.get(cell) ?? { readers: new Set(), writers: new Set() }
    users.set(cell, known)
    return known
  }
  for (const step of steps) {
    for (const cell of step.reads) of(cell).readers.add(step.process)
    for (const cell of writesOf(step)) of(cell).writers.add(step.process)
  }
  for (const { index, cells } of waiting) for (const cell of cells) of(cell).readers.add(index)
  return users
}

const hasOther = (set: ReadonlySet<number>, process: number) => set.size > (set.has(process) ? 1 : 0)

/**
 * Per step, whether it plays a part: it is no ordinary access, or it conflicts with another process's step.
 * Bookkeeping (`local`) plays none.
 */
export function relevantSteps({ steps, lasso }: Pick<Trail, 'steps' | 'lasso'>): readonly boolean[] {
  // Who waits for ever looks at cells although it takes no step.
  const users = usersOf(steps, lasso?.starving ?? [])
  const conflicts = (step: TrailStep) =>
    writesOf(step).some((cell) => {
      const { readers, writers } = users.get(cell) as Users
      return hasOther(readers, step.process) || hasOther(writers, step.process)
    }) || step.reads.some((cell) => hasOther((users.get(cell) as Users).writers, step.process))
  return steps.map((step) => step.kind !== 'local' && (!ORDINARY.has(step.kind) || conflicts(step)))
}
