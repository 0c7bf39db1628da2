/** Errors of users' code: where they are, in the users' own words, and whose fault they are. */
import { relative } from 'node:path'
import { GuestProgramError, InternalError, ShootdownError, UsageError } from '../core/errors.ts'
import type { ErrorData } from './protocol.ts'

/** A file as the user would name it from where they stand. */
export function shownPath(file: string): string {
  const path = relative(process.cwd(), file)
  return path === '' || path.startsWith('..') ? file : path
}

/** `my.ts:12`, from the innermost frame of an error's stack that lies in a user's file; the file alone if there is none. */
export function whereIn(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const line of stack.split('\n')) {
    const at = line.indexOf(file)
    const number = at < 0 ? undefined : /^:(\d+)/.exec(line.slice(at + file.length))?.[1]
    if (number !== undefined) return `${shownPath(file)}:${number}`
  }
  return shownPath(file)
}

/** `TypeError: x is not a function`, on one line. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `throws ${String(error)}`
  const message = error.message.split('\n')[0]?.trim() ?? ''
  return error.name === 'Error' ? message : `${error.name}: ${message}`
}

/** A guest's error with the place in the user's file before it. */
export function blameFile(error: unknown, file: string): unknown {
  if (!(error instanceof GuestProgramError)) return error
  const code = error.code as ConstructorParameters<typeof GuestProgramError>[0]
  if (error.message.startsWith(shownPath(file))) return error
  return new GuestProgramError(code, `${whereIn(error.cause ?? error, file)}: ${error.message}`)
}

/** Plain data for another thread. What is none of our own error classes is a defect of ours, and says where. */
export function errorData(error: unknown): ErrorData {
  if (error instanceof ShootdownError) return { code: error.code, message: error.message }
  const frame =
    error instanceof Error ? (error.stack ?? '').split('\n').find((line) => /^\s+at /.test(line)) : ''
  const internal = new InternalError(`${errorText(error)}${frame === undefined ? '' : ` (${frame.trim()})`}`)
  return { code: internal.code, message: internal.message }
}

/** The error again, on this side. */
export function errorFrom({ code, message }: ErrorData): ShootdownError {
  switch (code) {
    case 'usage':
      return new UsageError(message)
    case 'guest-throws':
    case 'guest-not-an-operation':
    case 'guest-nondeterministic':
    case 'guest-invalid':
      return new GuestProgramError(code, message)
    default:
      return new ShootdownError(code, message)
  }
}
