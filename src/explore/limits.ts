/** Bounds on guest code that every interpreter of it has to share, so that a trail replays. */
import { Operation } from '../core/operation.ts'

/** Operations in one call frame after which straight-line code "does not end". */
export const DEFAULT_OPERATIONS_PER_CALL = 1000

/** Frames on one stack, calls and handlers together. */
export const MAX_STACK = 500

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
  return endless(`no end within ${limit} steps of ${fn}`)
}

export function endlessStack(fn: string): Operation<void> {
  return endless(`no end of nested calls and handlers: ${MAX_STACK} frames, the last one ${fn}`)
}
