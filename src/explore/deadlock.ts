/** The violation of `progress` in a state where nobody can move. */
import type { Operation } from '../core/operation.ts'
import type { Violation } from '../core/violation.ts'

export interface Waiting {
  readonly process: string
  readonly operation: Operation<unknown>
}

export function deadlock(waiting: readonly Waiting[]): Violation {
  const who = waiting.map(({ process, operation }) => `${process} waits at "${operation.label}"`)
  const cells = waiting.flatMap(({ operation }) => {
    const { loads = [], reads = [] } = operation.footprint()
    return [...loads, ...reads]
  })
  return { property: 'progress', message: `nobody can move: ${who.join(', ')}`, cells: [...new Set(cells)] }
}
