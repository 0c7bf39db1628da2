import { type Call, OneStep, Operation, type Step, type Task, type TaskFunction } from './operation.ts'

/** A {@link Call} with the type of its result. */
class CallOf<R> implements Call, Iterable<Step, R, unknown> {
  readonly kind = 'call'
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
  readonly repeats: true | undefined

  constructor(fn: TaskFunction, args: readonly unknown[], repeats?: true) {
    this.fn = fn
    this.args = args
    this.repeats = repeats
  }

  [Symbol.iterator](): Iterator<Step, R, unknown> {
    return new OneStep<R>(this)
  }
}

/**
 * Calls a helper on a frame of its own: `yield* call(helper, ...)` gives its result. Only that enters the caller's history,
 * so that different ways through the helper merge (EXPLORER 9). The helper must be a named function, its arguments and result
 * plain values.
 */
export function call<A extends readonly unknown[], R>(
  fn: (...args: A) => Task<R>,
  ...args: A
): Iterable<Step, R, unknown> {
  return new CallOf<R>(fn as unknown as TaskFunction, args)
}

/**
 * Calls a helper again and again until it gives back something (anything but undefined): a loop without a bound. Each round is a
 * frame of its own, of which nothing stays, so a round that changes nothing leads back to the state before it. A helper that
 * never gives anything back goes round for ever: see `liveness`.
 */
export function* repeat<A extends readonly unknown[], R>(
  fn: (...args: A) => Task<R | undefined>,
  ...args: A
): Task<R> {
  const round = new CallOf<R | undefined>(fn as unknown as TaskFunction, args, true)
  for (;;) {
    const result = yield* round
    // Whoever runs this may leave the repeating to us.
    if (result !== undefined) return result
  }
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
