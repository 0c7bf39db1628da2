/** `shootdown check`: verdicts for scenarios and files; without any, the thread's table. */
import type { Command } from 'commander'
import type { CheckResult } from '../report/result.ts'
import type { Job, Runner, RunOptions } from '../run/run.ts'
import type { RawOptions } from './option-lists.ts'
import type { LimitFlags } from './search-flags.ts'

interface CheckFlags extends RawOptions, LimitFlags {
  readonly json?: true
  readonly ascii?: true
}

const EPILOGUE = `
Names and numbers may be comma-separated lists; several values make a table:
  shootdown check thread --flush native,hyperv,xen --free immediate,rcu

Exit status: 0 all safe (the thread's table: as documented), 1 a violation was found (a documented
answer did not come out), 2 the input or usage is wrong, 3 inconclusive.`

export function registerCheck(program: Command): void {
  program
    .command('check', { isDefault: true })
    .description(
      "verdicts by complete search; without arguments the thread's table: flush backend x freeing policy",
    )
    .argument('[scenario...]', "names from 'shootdown list', or scenario files (my.ts)")
    .option('--cpus <n>', 'virtual CPUs, 2 to 8')
    .option('--flush <names>', 'flush backends: native, hyperv, xen, kvm, serialize, hyperv-now')
    .option('--free <names>', 'how page tables are freed: immediate, rcu, ipi-sync, boot')
    .option('--walker <names>', 'software page-table walkers: gup-fast, rcu, nmi, xen-spurious')
    .option('--memory-model <names>', 'tso or sc')
    .option('--levels <n>', 'page-table levels, 4 or 5')
    .option('--profile <names>', "Hyper-V's behaviour as one implementation has it: tlfs, kvm, openvmm, xen")
    .option('--max-states <n>', 'stop, inconclusive, at so many states')
    .option('--timeout <seconds>', 'stop, inconclusive, after so long in all')
    .option('--workers <n>', 'threads, for cells of a table and for large searches; all cores by default')
    .option('--engine <name>', 'states (default); dpor: one execution of every trace; random, pct: hunting')
    .option('--preemptions <n>', 'hunting: only schedules with at most so many preemptions')
    .option('--seed <n>', 'of random and pct; 1 by default')
    .option('--executions <n>', 'of random and pct; 10,000 by default')
    .option('--depth <n>', 'of the bugs that pct looks for; 3 by default')
    .option('--why', 'with a safe verdict: what could have hurt, and whether it can happen')
    .option('--witness', 'as --why, with a shortest way to each that can happen')
    .option('--liveness', 'with a safe verdict: look for fair executions that never end, too')
    .option('--certificate <file>', "write what 'shootdown verify' confirms, if the verdict is safe")
    .option('--no-shortest', 'do not look for a shortest counterexample')
    .option('--no-symmetry', 'do not make use of interchangeable CPUs')
    .option('--json', 'one JSON document on standard output (docs/json.md)')
    .option('--ascii', 'plain ASCII: no line-drawing characters')
    .addHelpText('after', EPILOGUE)
    .action(async (targets: readonly string[], flags: CheckFlags) => {
      process.exitCode = await runCheck(targets, flags, program)
    })
}

async function runCheck(targets: readonly string[], flags: CheckFlags, program: Command): Promise<number> {
  const { Runner } = await import('../run/run.ts')
  const runner = new Runner()
  try {
    return await checkWith(runner, targets, flags, program)
  } finally {
    await runner.close()
  }
}

async function checkWith(
  runner: Runner,
  targets: readonly string[],
  flags: CheckFlags,
  program: Command,
): Promise<number> {
  const { prepare } = await import('./check-jobs.ts')
  const { limitsFrom } = await import('./search-flags.ts')
  const { exitStatus } = await import('../report/result.ts')
  const { ProgressReporter } = await import('../report/progress.ts')
  const { interruption } = await import('./interruption.ts')
  const limits = limitsFrom(flags)
  const { signal, release } = interruption()
  try {
    const commands = program.commands.map((command) => command.name())
    const { jobs, demonstration } = await prepare(runner, targets, flags, commands)
    const progress = new ProgressReporter(process.stderr, jobs.length)
    const options: RunOptions = {
      ...limits,
      signal,
      onProgress: (job, now) => progress.update(job, now),
      onResult: (job) => progress.finish(job),
    }
    // Of a table one counterexample is printed: only for that one is a shortest looked for.
    const table = jobs.length > 1 && flags.json !== true && flags.shortest
    const results = table ? await runTable(runner, jobs, options) : await runner.run(jobs, options)
    progress.clear()
    const status = exitStatus(results, demonstration)
    const { printResults } = await import('./check-output.ts')
    await printResults(results, jobs, { ...flags, status, demonstration })
    return status
  } finally {
    release()
  }
}

async function runTable(runner: Runner, jobs: readonly Job[], options: RunOptions): Promise<CheckResult[]> {
  // A guess at which one that will be, so that its search for a shortest runs beside the others; another one is run again.
  const guess = jobs.findIndex((job) => job.options.flush !== 'native' && job.options.free === 'immediate')
  const quick = jobs.map((job, i) =>
    i === guess ? job : { ...job, limits: { ...job.limits, shortest: false } },
  )
  // Large cells first, so that no worker is left alone with one at the end.
  const order = [...quick.keys()].sort((a, b) => sizeGuess(quick[b] as Job) - sizeGuess(quick[a] as Job))
  const ordered = await runner.run(
    order.map((i) => quick[i] as Job),
    options,
  )
  const results = quick.map((_, i) => ordered[order.indexOf(i)] as CheckResult)
  const printed = results.findIndex(({ verdict }) => verdict.verdict === 'unsafe')
  if (printed < 0 || printed === guess) return results
  const [shortest] = await runner.run([jobs[printed] as Job], options)
  if (shortest?.verdict.verdict === 'unsafe') results[printed] = shortest
  return results
}

/** Larger for cells that take longer: grace periods and hypercalls make more states. */
function sizeGuess({ options }: Job): number {
  return (
    (options.free === 'rcu' ? 2 : options.free === 'ipi-sync' ? 1 : 0) + (options.flush === 'native' ? 0 : 3)
  )
}
