/** What is left of a result once it has been printed: plain data, so that it can come from a worker thread. */
import type { MemoryModel, Observation } from './ast.ts'
import { resultDocument, summaryLine } from './document.ts'
import { type Agreement, type FileError, type FileOptions, isError, runFile } from './run-files.ts'
import { formatResult } from './summary.ts'

/** How results are wanted. */
export type Form = 'herd' | 'summary' | 'json'

export interface Rendered {
  readonly model: MemoryModel
  readonly observation: Observation
  readonly agreement: Agreement
  /** Lines to print, or an element of the JSON document. */
  readonly text: string
}

/** Runs files, and renders what comes out. */
export function renderFiles(
  files: readonly string[],
  options: FileOptions,
  form: Form,
): (Rendered | FileError)[] {
  return files.flatMap((file) =>
    runFile(file, options).map((outcome): Rendered | FileError => {
      if (isError(outcome)) return outcome
      const { model, observation, agreement } = outcome
      const head = options.models.length > 1 ? `Model ${model}\n` : ''
      const text = {
        herd: () => `${head}${formatResult(outcome)}\n`,
        summary: () => summaryLine(outcome),
        json: () => JSON.stringify(resultDocument(outcome), undefined, 2),
      }[form]()
      return { model, observation, agreement, text }
    }),
  )
}
