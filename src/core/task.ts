import { Operation, type Task, type TaskFunction, yielding } from './operation.ts'

/**
 * Calls a helper on a frame of its own. Only its returned value enters the caller's history, so that different ways
 * through the helper merge (EXPLORER 9). The helper must be a named function, its arguments and result plain values.
 */
export function* call<A extends readonly unknown[], R>(fn: (...args: A) => Task<R>, ...args: A): Task<R> {
  yielding.observe?.()
  return (yield { kind: 'call', fn: fn as unknown as TaskFunction, args }) as R
}

/**
 * The environment decides: 0 .. count - 1. Observed by the thread, seen by nobody else.
 *
 * @param what - one outcome a word, for diagrams: `['allocation succeeds', 'allocation fails']`
 */
export function choose(what: readonly string[]): Operation<number> {
  return new Operation<number>({
    kind: 'choose',
    label: what.join(' / '),
    choices: what.length,
    apply: (_, choice) => choice,
    decode: (raw) => raw,
    explain: (raw) => what[raw] ?? String(raw),
  })
}
