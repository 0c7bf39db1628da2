/** Stacks of live generators: what a process is, where nothing is recorded. */
import { type Call, Operation, type Task, type TaskFunction } from '../core/operation.ts'
import { canonicalKey } from '../core/plain.ts'
import { callKey, decoded, functionName, resume, startTask } from './guest.ts'
import { endlessFrame, endlessRounds, endlessStack, MAX_EMPTY_ROUNDS, MAX_STACK } from './limits.ts'

export interface LiveFrame {
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
  readonly task: Task<unknown>
  /** It was called: its result goes to the frame below. */
  readonly called: boolean
  /** What the code has been given so far. */
  readonly history: (number | string)[]
  steps: number
  /** The call that it waits for, if that is repeated until it gives back something. */
  repeats: Call | undefined
  operation: Operation<unknown> | undefined
  /** Functions of the last yield, outermost first, where they are wanted. */
  functions: readonly string[]
}

export interface LiveStackOptions {
  /** Operations of a frame, after which it does not end. */
  readonly limit: number
  readonly without: ReadonlySet<string>
  /** Functions of the last yield, where they are wanted. */
  readonly latest: () => readonly string[]
}

/** Starts frames, gives them what they observe, and carries out calls and returns. */
export class LiveStacks {
  private readonly options: LiveStackOptions

  constructor(options: LiveStackOptions) {
    this.options = options
  }

  start(stack: LiveFrame[], fn: TaskFunction, args: readonly unknown[], called: boolean): void {
    const top = newFrame(fn, args, called)
    if (stack.length >= MAX_STACK) top.operation = endlessStack(functionName(fn))
    stack.push(top)
    if (top.operation === undefined) this.advance(stack, undefined)
  }

  /** The operation on top has happened and observed `raw`. */
  feed(stack: LiveFrame[], raw: number): void {
    const top = stack.at(-1)!
    top.steps++
    top.history.push(raw)
    this.advance(stack, decoded(top.fn, top.operation!, raw))
  }

  /** Runs what is on top to its next operation, through calls and returns. */
  private advance(stack: LiveFrame[], fed: unknown): void {
    const { limit, without, latest } = this.options
    let value = fed
    let skipped = 0
    let rounds = 0
    for (;;) {
      const top = stack.at(-1)!
      top.operation = undefined
      const { done, value: step } = resume(top.fn, top.task, value)
      top.functions = latest()
      if (done) {
        stack.pop()
        if (!top.called) return
        const key = canonicalKey(step)
        const below = stack.at(-1)!
        if (below.repeats !== undefined && step === undefined) {
          rounds++
          this.pushCall(stack, below, below.repeats, rounds)
          if (stack.at(-1)!.operation !== undefined) return
          value = undefined
          skipped = 0
          continue
        }
        below.repeats = undefined
        below.steps++
        below.history.push(key)
        value = step
        skipped = 0
      } else if (top.steps >= limit || skipped > limit) {
        top.operation = endlessFrame(functionName(top.fn), limit)
        return
      } else if (step instanceof Operation) {
        if (step.removable === undefined || !without.has(step.removable.site)) {
          top.operation = step
          return
        }
        skipped++
        value = decoded(top.fn, step, 0)
      } else {
        top.repeats = step.repeats === true ? step : undefined
        this.pushCall(stack, top, step, 0)
        if (stack.at(-1)!.operation !== undefined) return
        value = undefined
        skipped = 0
      }
    }
  }

  private pushCall(stack: LiveFrame[], caller: LiveFrame, { fn, args }: Call, rounds: number): void {
    const called = newFrame(fn, args, true)
    if (stack.length >= MAX_STACK) called.operation = endlessStack(functionName(caller.fn))
    else if (rounds > MAX_EMPTY_ROUNDS) called.operation = endlessRounds(functionName(fn))
    stack.push(called)
  }
}

/** Equal for stacks whose code will do the same from here on. */
export function stackIdentity(stack: readonly LiveFrame[]): string {
  return JSON.stringify(stack.map(({ fn, args, called, history }) => [callKey(fn, args), called, history]))
}

function newFrame(fn: TaskFunction, args: readonly unknown[], called: boolean): LiveFrame {
  return {
    fn,
    args,
    task: startTask(fn, args),
    called,
    history: [],
    steps: 0,
    repeats: undefined,
    operation: undefined,
    functions: [],
  }
}
