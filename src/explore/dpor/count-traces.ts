/** How many traces a program has: every one is explored, whatever it violates. */
import type { Program } from '../../core/program.ts'
import type { CheckOptions } from '../verdict.ts'
import { dpor } from './dpor.ts'

/** Numbers of Mazurkiewicz traces; `docs/engines.md` says what counts as one. */
export interface TraceCount {
  /** Everybody is done. */
  readonly complete: number
  /** Somebody waits for ever: in a deadlock, or behind a failed assumption. */
  readonly blocked: number
  /** Somebody has violated a property, and halted. */
  readonly halted: number
  /** Executions begun in vain; none. */
  readonly sleepSetBlocked: number
  /** Operations and drains that were carried out. */
  readonly events: number
  /** What was violated by those that halted, `T0: assertion: ...`. */
  readonly violations: readonly string[]
  readonly milliseconds: number
  /** Why these are not all; undefined when they are. */
  readonly reason?: string
}

/**
 * Counts the traces of a program by Optimal-DPOR.
 *
 * @param options - `maxStates` limits events
 * @throws GuestProgramError when the program itself is at fault
 */
export function countTraces(program: Program, options: CheckOptions = {}): TraceCount {
  const { traces, violations, milliseconds, reason } = dpor(program, { ...options, goOn: true })
  return {
    complete: traces.complete,
    blocked: traces.blocked,
    halted: traces.halted,
    sleepSetBlocked: traces.sleepBlocked,
    events: traces.events,
    // A deadlock is nobody's, and its trace counts as blocked.
    violations: [...violations].filter((name) => !name.startsWith(': ')),
    milliseconds,
    ...(reason !== undefined && { reason }),
  }
}
