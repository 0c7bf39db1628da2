/**
 * The three kinds of error that a user can meet. Each has a stable `code`, and a message that says what is
 * wrong, where, and what would be right. The command line prints them in one line, without a stack trace.
 *
 * | class | whose fault | exit status |
 * | --- | --- | --- |
 * | {@link UsageError} | the command line, a file or a value that the user gave | 2 |
 * | {@link GuestProgramError} | a scenario: it throws, yields what is no operation, is not deterministic | 2 |
 * | {@link InternalError} | ours: please report it | 2 |
 */
export class ShootdownError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
    this.name = new.target.name
  }
}

/** The input or the usage is wrong. */
export class UsageError extends ShootdownError {
  constructor(message: string) {
    super('usage', message)
  }
}

/** A scenario's own program cannot be explored: the message says which function, where, and why. */
export class GuestProgramError extends ShootdownError {
  constructor(
    code: 'guest-throws' | 'guest-not-an-operation' | 'guest-nondeterministic' | 'guest-invalid',
    message: string,
  ) {
    super(code, message)
  }
}

/** A defect of Shootdown itself. */
export class InternalError extends ShootdownError {
  constructor(message: string) {
    super('internal', `[shootdown internal bug] ${message}`)
  }
}
