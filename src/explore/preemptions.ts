/**
 * All schedules with few preemptions, fewest first: a preemption is a switch away from a process that could go on. Without
 * reductions, so that what has been searched can be said when it is interrupted: everything with at most so many.
 */

import { packAction, pathTo, unpackAction } from './actions.ts'
import type { Clock } from './clock.ts'
import { DRAIN, type Engine } from './engine.ts'
import { withinLimits } from './limits.ts'
import { StateStore } from './store.ts'
import { EVERYBODY, visitTransitions } from './transitions.ts'
import type { Action } from './verdict.ts'

const DEFAULT_MAX_STATES = 20_000_000

/** How far it came. */
export interface Boundary {
  readonly actions: readonly Action[] | undefined
  readonly steps: number
  /** Distinct states, each with who moved last. */
  readonly states: number
  readonly bytes: number
  /** All schedules with at most so many preemptions have been searched; -1 for none. */
  readonly complete: number
  readonly violated: boolean
  readonly reason: string
}

export function searchPreemptions(
  engine: Engine,
  clock: Clock,
  most: number,
  maxStates = DEFAULT_MAX_STATES,
): Boundary {
  // A state here is one of the program, and who moved last: both decide what costs a preemption.
  const { words } = engine.layout
  const store = new StateStore(words + 1)
  const key = new Uint32Array(words + 1)
  const least: number[] = []
  const expanded: number[] = []
  const waiting: number[][] = Array.from({ length: most + 2 }, () => [])
  let steps = 0

  const meet = (state: Uint32Array, last: number, preemptions: number, parent: number, action: number) => {
    key.set(state)
    key[words] = last
    const index = store.add(key, parent, action)
    if (index < least.length && least[index]! <= preemptions) return
    least[index] = preemptions
    waiting[preemptions]!.push(index)
  }
  const boundary = (complete: number, reason: string, actions?: readonly Action[]): Boundary => ({
    actions,
    steps,
    states: store.size,
    bytes: store.bytes,
    complete,
    violated: actions !== undefined,
    reason,
  })

  let preemptions = 0
  const searchAll = (): Boundary => {
    engine.loadInitial()
    meet(engine.current, engine.processes, 0, 0, 0)
    for (preemptions = 0; preemptions <= most; preemptions++) {
      const queue = waiting[preemptions]!
      for (let at = 0; at < queue.length; at++) {
        if ((at & 255) === 0) {
          const stop = clock.poll(store.size, queue.length - at, store.bytes)
          if (stop !== undefined) return boundary(preemptions - 1, stop)
        }
        if (store.size > maxStates) return boundary(preemptions - 1, `more than ${maxStates} states`)
        const index = queue[at]!
        if (expanded[index] !== undefined && expanded[index]! <= preemptions) continue
        expanded[index] = preemptions
        store.read(index, key)
        const last = key[words]!
        engine.current.set(key.subarray(0, words))
        if (engine.load() === 0) {
          if (engine.stuck() !== undefined) return boundary(preemptions - 1, '', pathTo(store, index))
          continue
        }
        let violating = -1
        const canGoOn = last < engine.processes && engine.enabled[last]! > 0
        visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
          const drain = alternative === DRAIN
          const cost = !drain && process !== last && canGoOn ? 1 : 0
          if (preemptions + cost > most) return false
          steps++
          const packed = packAction(process, alternative, choice)
          if (engine.step(process, alternative, choice) !== undefined) {
            violating = packed
            return true
          }
          meet(engine.next, drain ? last : process, preemptions + cost, index, packed)
          return false
        })
        if (violating >= 0) {
          return boundary(preemptions - 1, '', [...pathTo(store, index), unpackAction(violating)])
        }
      }
    }
    return boundary(most, `the bound of ${most} preemption${most === 1 ? '' : 's'} was reached`)
  }
  return withinLimits(searchAll, (reason) => boundary(preemptions - 1, reason))
}
