import { resolve, type Space } from '../check/address-spaces.ts'
import type { Where } from '../events.ts'
import type { RecordedCpu, ReplayStep, Segment } from './stream.ts'

/** A context switch or a flush at a time; flushes have an end. Which address space is which is known only at the end. */
export type RawStep =
  | {
      readonly kind: 'switch'
      readonly at: Where
      readonly pid: number
      readonly space: Space | undefined
      /** Whether the task has the address space: kernel threads have none. */
      readonly user: boolean | 'unknown'
    }
  | {
      readonly kind: 'flush'
      readonly at: Where
      readonly until: number
      readonly space: Space
      readonly pages: number
      readonly freedTables: boolean
    }

/**
 * The steps of one CPU in order, with the CPU time between them.
 *
 * @param span first and last time of the recording
 * @param known address spaces that tasks are known to have; a task of which nothing is known is taken for a kernel thread
 */
export function recordedCpu(
  raw: readonly RawStep[],
  span: readonly [first: number, last: number],
  known: ReadonlySet<Space>,
  numberOf: (space: Space) => number,
): { readonly cpu: RecordedCpu; readonly work: number } {
  const segments: Segment[] = []
  const idle: (readonly [number, number])[] = []
  let steps: ReplayStep[] = []
  const [first, last] = span
  let since = first
  let isIdle = true
  let busy = 0
  /** Goes on to a time; gives the CPU time that has passed. */
  const passUntil = (time: number) => {
    const passed = Math.max(0, time - since)
    if (isIdle && passed > 0) idle.push([since - first, since - first + passed])
    since += passed
    if (isIdle) return 0
    busy += passed
    return passed
  }
  for (const step of [...raw].sort((a, b) => a.at.time - b.at.time || a.at.line - b.at.line)) {
    const work = passUntil(step.at.time)
    if (step.kind === 'flush') {
      const { pages, freedTables } = step
      since = Math.max(since, step.until)
      steps.push({ kind: 'flush', at: since - first, work, space: numberOf(step.space), pages, freedTables })
      continue
    }
    const at = since - first
    if (work > 0) steps.push({ kind: 'run', at, work })
    isIdle = step.pid === 0
    steps = [{ kind: 'switch', at, to: hasSpace(step, known) ? numberOf(step.space!) : 'lazy' }]
    segments.push({ time: at, steps })
  }
  const work = passUntil(last)
  if (work > 0) steps.push({ kind: 'run', at: last - first, work })
  return { cpu: { segments, idle }, work: busy }
}

function hasSpace(
  { space, user }: RawStep & { readonly kind: 'switch' },
  known: ReadonlySet<Space>,
): boolean {
  return space !== undefined && (user === true || (user === 'unknown' && known.has(resolve(space))))
}
