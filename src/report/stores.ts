/** Stores and their drains: which belong together, and which stay in the buffer long enough to matter. */
import type { TrailStep } from '../explore/verdict.ts'

export interface StorePairs {
  /** For the index of each store that drains in the trail: the index of its drain. */
  readonly drainOf: ReadonlyMap<number, number>
  /** For the index of each drain: the index of its store. */
  readonly storeOf: ReadonlyMap<number, number>
  /** Stores that are still in the buffer when another process takes a step, or at the end. */
  readonly delayed: ReadonlySet<number>
}

/** Pairs drains with stores: buffers are first in, first out, and a drain has its store's label. */
export function pairStores(steps: readonly TrailStep[]): StorePairs {
  const waiting = new Map<number, number[]>()
  const drainOf = new Map<number, number>()
  const storeOf = new Map<number, number>()
  steps.forEach((step, index) => {
    const queue = waiting.get(step.process) ?? []
    waiting.set(step.process, queue)
    if (step.kind !== 'drain') {
      queue.push(index)
      return
    }
    const at = queue.findIndex((store) => steps[store]?.label === step.label)
    if (at < 0) return
    const store = queue.splice(0, at + 1)[at] as number
    drainOf.set(store, index)
    storeOf.set(index, store)
  })
  return { drainOf, storeOf, delayed: delayedStores(steps, drainOf, waiting) }
}

function delayedStores(
  steps: readonly TrailStep[],
  drainOf: ReadonlyMap<number, number>,
  waiting: ReadonlyMap<number, readonly number[]>,
): ReadonlySet<number> {
  const delayed = new Set<number>()
  for (const [store, drain] of drainOf) {
    const { process } = steps[store] as TrailStep
    if (steps.slice(store + 1, drain).some((step) => step.process !== process)) delayed.add(store)
  }
  for (const store of [...waiting.values()].flat()) {
    const step = steps[store] as TrailStep
    const isStore = step.kind === 'store' || step.kind === 'unlock'
    if (step.buffered !== undefined || (isStore && drainOf.size > 0 && step.changes.length === 0))
      delayed.add(store)
  }
  return delayed
}
