/** `shootdown litmus`: tests in herd's format, under TSO or SC. */
import { type Command, InvalidArgumentError } from 'commander'
import { UsageError } from '../core/errors.ts'
import type { MemoryModel } from '../litmus/ast.ts'
import type { Rendered } from '../litmus/render.ts'
import type { FileError } from '../litmus/run-files.ts'

interface LitmusFlags {
  readonly memoryModel?: readonly MemoryModel[]
  readonly unroll: number
  readonly maxStates?: number
  readonly timeout?: number
  readonly kinds?: string
  readonly summary?: true
  readonly pageTables?: true
  readonly json?: true
}

const DEFAULT_MODELS: readonly MemoryModel[] = ['tso']

const EPILOGUE = `
Folders are searched through for *.litmus. The format, and how executions are counted: docs/litmus.md.

Exit status: 0 done, and as documented where a file says "Result: Never" (or Sometimes, Always) or --kinds
does; 1 a documented answer did not come out; 2 a file or the usage is wrong (other files are run all the
same); 3 a limit was hit.`

export function registerLitmus(program: Command): void {
  program
    .command('litmus')
    .description("x86-64 litmus tests in herd's format: final states, witnesses, verdict")
    .argument('[file...]', 'tests (.litmus), folders of tests, or lists (@all)')
    .option('--memory-model <names>', 'tso, sc, or both: tso,sc (default: tso)', models)
    .option('--kinds <file>', 'answers to expect under TSO, one a line: NAME Allow|Forbid|Require')
    .option('--unroll <n>', 'how often each backward jump is followed', whole, 2)
    .option('--max-states <n>', 'give a test up at so many states', whole)
    .option('--timeout <seconds>', 'give a test up after so long', whole)
    .option('--page-tables', 'no files: the published tests of page-table changes, and our verdicts')
    .option('--summary', 'one line for each test')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EPILOGUE)
    .action(async (targets: readonly string[], flags: LitmusFlags) => {
      process.exitCode = await (flags.pageTables ? runPageTables(flags) : runLitmusCommand(targets, flags))
    })
}

function models(text: string): MemoryModel[] {
  const names = text
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  if (!names.every((name) => name === 'tso' || name === 'sc')) {
    throw new InvalidArgumentError('tso, sc, or both: tso,sc.')
  }
  return [...new Set(names)] as MemoryModel[]
}

function whole(text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (value < 1) throw new InvalidArgumentError('a whole number above 0 is needed.')
  return value
}

async function runPageTables(flags: LitmusFlags): Promise<number> {
  const { formatPageTables, isAsDocumented, pageTableRows } = await import('../litmus/page-tables/table.ts')
  const rows = (flags.memoryModel ?? DEFAULT_MODELS).map((model) => pageTableRows(model))
  const output = new Output()
  for (const part of rows) await output.line(formatPageTables(part))
  await output.flush()
  return rows.flat().every(isAsDocumented) ? 0 : 1
}

async function runLitmusCommand(targets: readonly string[], flags: LitmusFlags): Promise<number> {
  if (targets.length === 0)
    throw new UsageError("missing required argument 'file': tests (.litmus), folders, or lists")
  const { litmusFiles, readText } = await import('../litmus/files.ts')
  const { exitStatus, isError } = await import('../litmus/run-files.ts')
  const { parseKinds } = await import('../litmus/kinds.ts')
  const { litmusDocument, totals } = await import('../litmus/document.ts')
  const { runFiles } = await import('../litmus/pool.ts')
  const models = flags.memoryModel ?? DEFAULT_MODELS
  const kinds = flags.kinds === undefined ? new Map() : parseKinds(flags.kinds, readText(flags.kinds))
  const { unroll, maxStates } = flags
  const limits = {
    unroll,
    ...(maxStates === undefined ? {} : { maxStates }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
  }
  const form = flags.json ? 'json' : flags.summary ? 'summary' : 'herd'
  const output = new Output()
  const results: Rendered[] = []
  const errors: FileError[] = []
  await runFiles(litmusFiles(targets), { models, limits, kinds }, form, async (part) => {
    for (const outcome of part) {
      if (isError(outcome)) {
        errors.push(outcome)
        process.stderr.write(`shootdown: ${outcome.message}\n`)
        continue
      }
      // Only the document is put together at the end.
      results.push(form === 'json' ? outcome : { ...outcome, text: '' })
      if (form !== 'json') await output.line(outcome.text)
    }
  })
  const status = exitStatus(results, errors)
  if (form === 'json') {
    const texts = results.map(({ text }) => text)
    await output.line(litmusDocument(texts, errors, status))
  } else if (form === 'summary') {
    for (const model of models) await output.line(totals(results, model))
  }
  await output.flush()
  return status
}

/** Standard output in pieces of some size, waiting for slow readers. */
class Output {
  private pending = ''

  async line(text: string): Promise<void> {
    this.pending += `${text}\n`
    if (this.pending.length > 1 << 16) await this.flush()
  }

  flush(): Promise<void> {
    const text = this.pending
    this.pending = ''
    return new Promise((resolve) => {
      process.stdout.write(text, () => resolve())
    })
  }
}
