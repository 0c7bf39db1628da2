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

/** A line of guest code. */
export interface SourceLine {
  /** A path, or a `file:` URL. */
  readonly file: string
  readonly line: number
  /** From 1. */
  readonly column: number
}

/** Notes, while `run` runs, where each removable operation is yielded first: its site in the protocol, and the line of code. */
export function withCallSites<T>(run: () => T): {
  readonly value: T
  readonly lines: Map<string, SourceLine>
} {
  const before = { observe: yielding.observe, limit: Error.stackTraceLimit }
  const lines = new Map<string, SourceLine>()
  Error.stackTraceLimit = DEEPEST
  yielding.observe = (operation) => {
    const site = operation?.removable?.site
    if (site === undefined || lines.has(site)) return
    const line = innermostLine(new Error().stack ?? '')
    if (line !== undefined) lines.set(site, line)
  }
  try {
    return { value: run(), lines }
  } finally {
    yielding.observe = before.observe
    Error.stackTraceLimit = before.limit
  }
}

/** The innermost line on a stack that is neither ours nor an instruction's. */
function innermostLine(stack: string): SourceLine | undefined {
  for (const text of stack.split('\n').slice(1)) {
    const match = /\(?([^\s()]+):(\d+):(\d+)\)?$/.exec(text)
    const file = match?.[1]
    if (file === undefined || file.startsWith('node:') || file.includes(INTERPRETER)) continue
    if (BELOW.some((place) => file.includes(place))) continue
    return { file, line: Number(match?.[2]), column: Number(match?.[3]) }
  }
  return undefined
}
