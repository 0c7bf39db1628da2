/**
 * The functions that an operation is yielded in. A frame knows only the function that it was started with; the generators
 * that this one delegates to (`yield*`) are on JavaScript's own stack at the moment of the yield, and nowhere else.
 */
import { yielding } from '../core/operation.ts'

/** Deeper than any guest's `yield*` goes. */
const DEEPEST = 200

const folder = (name: string) => decodeURI(new URL(name, import.meta.url).pathname)

/** Instructions and primitives: not where a reader looks for a step. */
const BELOW = [folder('../core/'), folder('../machine/')]
/** Whoever runs the guest. */
const INTERPRETER = folder('./')

/** Listens while `run` runs: `latest()` gives the functions of the last yield, outermost first. */
export function withFunctionNames<T>(run: (latest: () => readonly string[]) => T): T {
  const before = { observe: yielding.observe, limit: Error.stackTraceLimit }
  let stack: string | undefined
  Error.stackTraceLimit = DEEPEST
  yielding.observe = () => {
    stack = new Error().stack
  }
  try {
    return run(() => {
      const names = functionNames(stack ?? '')
      stack = undefined
      return names
    })
  } finally {
    yielding.observe = before.observe
    Error.stackTraceLimit = before.limit
  }
}

/** Names of the generator functions on a stack, down to the interpreter that resumed them. */
function functionNames(stack: string): readonly string[] {
  const names: string[] = []
  for (const line of stack.split('\n').slice(1)) {
    const match = /^\s+at (?:async )?([^(]*?)(?: \[as [^\]]*\])? \((.*)\)$/.exec(line)
    const name = match?.[1]?.split('.').at(-1)
    const file = match?.[2] ?? ''
    if (name === 'guarded' || name === 'resume') break
    if (name === undefined || file === '<anonymous>' || file.includes(INTERPRETER)) continue
    if (BELOW.some((place) => file.includes(place))) continue
    names.unshift(name)
  }
  return names
}
