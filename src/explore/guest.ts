/** Running guest generators: whatever they do wrong becomes a {@link GuestProgramError} that names the function. */
import { GuestProgramError, ShootdownError } from '../core/errors.ts'
import { type Call, Operation, type Step, type Task, type TaskFunction } from '../core/operation.ts'
import { canonicalKey, functionId } from '../core/plain.ts'

export function functionName(fn: TaskFunction): string {
  return fn.name === '' ? 'an anonymous function' : fn.name
}

/** Equal for calls of the same function with equal arguments. */
export function callKey(fn: TaskFunction, args: readonly unknown[]): string {
  try {
    return `${functionId(fn)}${canonicalKey(args)}`
  } catch (error) {
    throw new GuestProgramError('guest-invalid', `an argument of ${functionName(fn)}: ${messageOf(error)}`)
  }
}

export function startTask(fn: TaskFunction, args: readonly unknown[]): Task<unknown> {
  const task: unknown = guarded(fn, () => fn(...args))
  if (typeof task === 'object' && task !== null && 'next' in task && typeof task.next === 'function') {
    return task as Task<unknown>
  }
  throw new GuestProgramError('guest-not-an-operation', `${functionName(fn)} is no generator function`)
}

/** Lets a generator run to its next step. */
export function resume(fn: TaskFunction, task: Task<unknown>, value: unknown): IteratorResult<Step, unknown> {
  const result = guarded(fn, () => task.next(value))
  if (!result.done && !(result.value instanceof Operation) && !isCall(result.value)) {
    throw new GuestProgramError(
      'guest-not-an-operation',
      `${functionName(fn)} yields ${show(result.value)}, which is no operation (is a * missing after yield?)`,
    )
  }
  return result
}

/** The value that code gets for what an operation observed. */
export function decoded(fn: TaskFunction, operation: Operation<unknown>, raw: number): unknown {
  return guarded(fn, () => operation.decode(raw))
}

/** How a step is named in messages about the guest. */
export function stepName(step: Step): string {
  return step instanceof Operation ? `${step.kind} "${step.label}"` : `call of ${functionName(step.fn)}`
}

/** An error thrown by guest code, as the user should see it. */
export function guestThrew(where: string, error: unknown): ShootdownError {
  if (error instanceof ShootdownError) return error
  const wrapped = new GuestProgramError('guest-throws', `${where} throws: ${messageOf(error)}`)
  wrapped.cause = error
  return wrapped
}

function guarded<T>(fn: TaskFunction, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw guestThrew(functionName(fn), error)
  }
}

function isCall(step: unknown): step is Call {
  return (
    typeof step === 'object' &&
    step !== null &&
    (step as { kind?: unknown }).kind === 'call' &&
    typeof (step as { fn?: unknown }).fn === 'function'
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return `an object of class ${value.constructor?.name ?? '?'}`
  return String(value)
}
