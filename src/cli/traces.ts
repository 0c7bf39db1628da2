/** `shootdown traces`: how many Mazurkiewicz traces a program has. */
import type { Command } from 'commander'
import type { RawOptions } from './option-lists.ts'
import type { LimitFlags } from './search-flags.ts'

interface TracesFlags extends RawOptions, Pick<LimitFlags, 'maxStates' | 'timeout'> {
  readonly json?: true
}

const EPILOGUE = `
  shootdown traces my.ts                        under SC and under TSO
  shootdown traces my.ts --memory-model tso --json

What counts as a trace: docs/engines.md.

Exit status: 0 all were counted, 2 the input or usage is wrong, 3 a limit was reached, or the program
has what this engine does not cover.`

export function registerTraces(program: Command): void {
  program
    .command('traces')
    .description('how many Mazurkiewicz traces a program has: complete, blocked, and with a violation')
    .argument('<scenario...>', "names from 'shootdown list', or scenario files (my.ts)")
    .option('--memory-model <names>', 'tso, sc, or both: sc,tso (both by default)')
    .option('--cpus <n>', 'virtual CPUs, 2 to 8')
    .option('--levels <n>', 'page-table levels, 4 or 5')
    .option('--max-states <n>', 'stop at so many events')
    .option('--timeout <seconds>', 'stop after so long in all')
    .option('--json', 'one JSON document on standard output (docs/json.md)')
    .addHelpText('after', EPILOGUE)
    .action(async (targets: readonly string[], flags: TracesFlags) => {
      const { Runner } = await import('../run/run.ts')
      const runner = new Runner()
      try {
        process.exitCode = await runTraces(runner, targets, flags)
      } finally {
        await runner.close()
      }
    })
}

async function runTraces(
  runner: InstanceType<typeof import('../run/run.ts').Runner>,
  targets: readonly string[],
  flags: TracesFlags,
): Promise<number> {
  const { prepare } = await import('./check-jobs.ts')
  const { limitsFrom } = await import('./search-flags.ts')
  const { interruption } = await import('./interruption.ts')
  const { ProgressReporter } = await import('../report/progress.ts')
  const limits = { ...flags, shortest: true }
  const { jobs } = await prepare(runner, targets, limits, [], { memoryModel: ['sc', 'tso'] })
  const progress = new ProgressReporter(process.stderr, jobs.length)
  const { signal, release } = interruption()
  try {
    const results = await runner.countTraces(jobs, {
      ...limitsFrom(limits),
      signal,
      onProgress: (job, now) => progress.update(job, now),
      onResult: (job) => progress.finish(job),
    })
    progress.clear()
    const { formatTraces, tracesDocument, tracesStatus } = await import('../report/traces.ts')
    const { styleFor } = await import('../report/style.ts')
    const text =
      flags.json === true
        ? JSON.stringify(tracesDocument(results), undefined, 2)
        : formatTraces(results, styleFor(process.stdout, {}))
    process.stdout.write(`${text}\n`)
    return tracesStatus(results)
  } finally {
    release()
  }
}
