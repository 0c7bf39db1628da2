import { type Command, InvalidArgumentError } from 'commander'
import type { RegisterCommand } from './register.ts'
import { registerReplay } from './trace-replay.ts'

interface SummaryOptions {
  readonly plot?: boolean
  readonly json?: boolean
  readonly ascii?: boolean
  readonly mhz?: number
  readonly host?: string
  readonly duckdb?: string
  readonly parquet?: string
}

interface CheckOptions {
  readonly json?: boolean
  readonly ascii?: boolean
  readonly all?: boolean
  readonly flushes?: boolean
  readonly host?: string
}

interface FitOptions {
  readonly output?: string
  readonly mhz?: number
}

/** `shootdown trace`: what recordings of real kernels say. */
export const registerTrace: RegisterCommand = (program) => {
  const trace = program
    .command('trace')
    .description('read ftrace, trace-cmd and perf recordings of TLB flushes')
  registerSummary(trace)
  registerCheck(trace)
  registerFit(trace)
  registerReplay(trace)
}

function registerSummary(trace: Command): void {
  trace
    .command('summary')
    .description('figures of recordings: rates, reasons, sizes, targets, by process and CPU')
    .argument('<file...>', 'text of a recording, plain or gzip; - is standard input')
    .option('--plot', 'draw sizes and the rate over time')
    .option('--json', 'print one JSON document')
    .option('--ascii', 'draw with ASCII characters only')
    .option('--mhz <rate>', 'rate of a cycle clock, where no sidecar tells it', positive)
    .option('--host <file>', "the host's recording of the same run: pairs flushes with hypercalls")
    .option('--duckdb <file>', 'also write a DuckDB database of the recordings, for analysis in SQL')
    .option('--parquet <dir>', 'also write the same tables as Parquet files')
    .action(async (files: string[], options: SummaryOptions) => {
      const { runSummary } = await import('../trace/run-summary.ts')
      process.stdout.write(await runSummary(files, options, process.stdout))
    })
}

function registerCheck(trace: Command): void {
  trace
    .command('check')
    .description("hold the kernel model's decisions against recorded ones")
    .argument('<file...>', 'text of a recording, plain or gzip; - is standard input')
    .option('--host <file>', "the host's recording of the same run: also checks every hypercall")
    .option('--all', 'list every disagreement, also those that a race explains')
    .option('--flushes', 'with --host: list every flush with its hypercall and what each vCPU did')
    .option('--json', 'print one JSON document')
    .option('--ascii', 'print no characters beyond ASCII')
    .addHelpText(
      'after',
      '\nExit status: 0 when nothing is unexplained, 1 when something is, 2 for what cannot be read.',
    )
    .action(async (files: string[], options: CheckOptions) => {
      const { runTraceCheck } = await import('../trace/run-check.ts')
      const { text, status } = await runTraceCheck(files, options, process.stdout)
      process.stdout.write(text)
      process.exitCode = status
    })
}

function registerFit(trace: Command): void {
  trace
    .command('fit')
    .description('parameters of a workload for the simulator, from a recording')
    .argument('<file>', 'text of a recording, plain or gzip; - is standard input')
    .option('-o, --output <file>', 'write the JSON there instead of to the terminal')
    .option('--mhz <rate>', 'rate of a cycle clock, where no sidecar tells it', positive)
    .action(async (file: string, options: FitOptions) => {
      const { runFit } = await import('../trace/run-fit.ts')
      await runFit(file, options, process.stdout)
    })
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0 is needed.')
  return value
}
