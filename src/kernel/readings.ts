/**
 * Rules that two kinds of callers share: protocols, for which every look at shared state is an operation that another CPU can
 * come before or after, and whoever knows the state already (a recording, a test). A rule is a generator that asks for what
 * it needs, when the kernel's code would look at it; who answers decides what a look is.
 */

/** Something that is looked at when a rule asks for it: an `Operation` or `Task` of a protocol, or a known value. */
export type Reading<Y, T> = Iterable<Y, T, unknown>

/** A value that is known already. */
export function known<T>(value: T): Reading<never, T> {
  const result = { done: true as const, value }
  return { [Symbol.iterator]: () => ({ next: () => result }) }
}

/** Runs a rule all of whose readings are {@link known}. */
export function decide<T>(rule: Generator<never, T, unknown>): T {
  const result = rule.next()
  if (result.done !== true) throw new TypeError('a rule over known values asked for an operation')
  return result.value
}
