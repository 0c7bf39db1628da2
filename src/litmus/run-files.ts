/** `shootdown litmus`: many files, one result after the other. */
import { ShootdownError } from '../core/errors.ts'
import type { LitmusTest, MemoryModel } from './ast.ts'
import { LimitError, type LitmusLimits } from './explore.ts'
import { readText } from './files.ts'
import { isOfKind, type Kind } from './kinds.ts'
import { readLitmus } from './read.ts'
import { type LitmusResult, runLitmus } from './run.ts'

export interface FileOptions {
  readonly models: readonly MemoryModel[]
  readonly limits: LitmusLimits
  /** Expected answers by name of the test, for TSO. */
  readonly kinds: ReadonlyMap<string, Kind>
}

/** What is documented, and whether it came out. */
export type Agreement = 'as documented' | 'not as documented' | 'nothing documented'

export interface FileResult extends LitmusResult {
  /** In a file's words: `Never`, `Allow`. */
  readonly documented: string | undefined
  readonly agreement: Agreement
}

/** A file that could not be run, and why, in one line. */
export interface FileError {
  readonly file: string
  readonly message: string
  /** It is too large for the limits, and not wrong. */
  readonly inconclusive: boolean
}

export type FileOutcome = FileResult | FileError

export function isError(outcome: object): outcome is FileError {
  return 'message' in outcome
}

/** Runs a file under every model. A bad file gives one error, and does not keep others from being run. */
export function runFile(file: string, options: FileOptions): FileOutcome[] {
  const outcomes: FileOutcome[] = []
  try {
    const test = readLitmus(file, readText(file))
    for (const model of options.models) {
      outcomes.push(withAgreement(runLitmus(test, model, options.limits), test, options))
    }
  } catch (error) {
    if (!(error instanceof ShootdownError)) throw error
    outcomes.push({ file, message: error.message, inconclusive: error instanceof LimitError })
  }
  return outcomes
}

function withAgreement(result: LitmusResult, test: LitmusTest, { kinds }: FileOptions): FileResult {
  const { model, observation, quantifier } = result
  const inFile = test.documented.get(model)
  const kind = model === 'tso' ? kinds.get(test.name) : undefined
  const documented = inFile ?? kind
  if (documented === undefined) return { ...result, documented, agreement: 'nothing documented' }
  const agrees =
    (inFile === undefined || inFile === observation) &&
    (kind === undefined || isOfKind(kind, observation, quantifier))
  return { ...result, documented, agreement: agrees ? 'as documented' : 'not as documented' }
}

/** 2 bad input, 1 a documented answer did not come out, 3 a limit was hit, 0 otherwise. */
export function exitStatus(
  results: readonly Pick<FileResult, 'agreement'>[],
  errors: readonly FileError[],
): 0 | 1 | 2 | 3 {
  if (errors.some(({ inconclusive }) => !inconclusive)) return 2
  if (results.some(({ agreement }) => agreement === 'not as documented')) return 1
  return errors.length > 0 ? 3 : 0
}
