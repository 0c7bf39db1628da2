/** Bounds on guest code that every interpreter of it has to share, so that a trail replays. */
import { Operation } from '../core/operation.ts'

/** Operations in one call frame after which straight-line code "does not end". */
export const DEFAULT_OPERATIONS_PER_CALL = 1000

/** Of random and PCT schedules. */
export const DEFAULT_SEED = 1
/** Of the bugs that PCT schedules look for. */
export const DEFAULT_DEPTH = 3

/** Frames on one stack, calls and handlers together. */
export const MAX_STACK = 500

/** Rounds of a repeated call, one after the other, in which no operation happens. */
export const MAX_EMPTY_ROUNDS = 1000

/** Stores in one buffer. It is no bound of the machine: a search that gets there is not complete. */
export const MAX_BUFFERED = 1200
/** The same where code repeats calls: what stores in a loop without a fence fills its buffer without end. */
export const MAX_BUFFERED_IN_LOOPS = 64

/** A search cannot go on: why, as its verdict says it. */
export class LimitReached extends Error {}

/** Runs a search, or a part of one, that may have to end at a limit. */
export function withinLimits<T>(run: () => T, atLimit: (reason: string) => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof LimitReached) return atLimit(error.message)
    throw error
  }
}

/** Stands where code went past a bound: executing it violates `progress`. */
export function endless(message: string): Operation<void> {
  return new Operation<void>({
    kind: 'assert',
    label: 'no end',
    apply: (memory) => {
      memory.violate({ property: 'progress', message, cells: [] })
      return 0
    },
  })
}

export function endlessFrame(fn: string, limit: number): Operation<void> {
  return endless(
    `no end within ${limit} steps of ${fn}; a loop that waits needs waitUntil, spinUntil or repeat`,
  )
}

export function endlessStack(fn: string): Operation<void> {
  return endless(`no end of nested calls and handlers: ${MAX_STACK} frames, the last one ${fn}`)
}

export function endlessRounds(fn: string): Operation<void> {
  return endless(`no end within ${MAX_EMPTY_ROUNDS} rounds of ${fn} without an operation`)
}
