/** Wait loops spelled out, one load a round. */

import type { Task } from '../core/operation.ts'
import type { Plain } from '../core/plain.ts'
import { repeat } from '../core/task.ts'
import { load, type Variable } from './variables.ts'

/**
 * `while (READ_ONCE(v) != value) cpu_relax();` as the CPU does it: it goes round, takes interrupts between two looks, and may look
 * at the wrong moments. `waitUntil` is the same as one blocking step, and makes fewer states.
 */
export function* spinUntil<T extends Plain>(variable: Variable<T>, value: T): Task<void> {
  yield* repeat(look, variable, value)
}

function* look<T extends Plain>(variable: Variable<T>, value: T): Task<true | undefined> {
  const seen = yield* load(variable)
  return variable.encode(seen) === variable.encode(value) ? true : undefined
}
