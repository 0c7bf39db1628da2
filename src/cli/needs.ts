/** `shootdown needs`: which barriers, flushes, IPIs, waits, locks and grace periods a scenario cannot do without. */
import type { Command } from 'commander'
import type { NeedsReport, SiteReport } from '../report/needs-report.ts'
import type { Job, Runner } from '../run/run.ts'
import type { RawOptions } from './option-lists.ts'

interface NeedsFlags extends RawOptions {
  readonly show?: string
  readonly trails?: true
  readonly timeout?: string
  readonly maxStates?: string
  readonly liveness?: true
  readonly json?: true
  readonly ascii?: true
  readonly shortest: boolean
  readonly sufficient: boolean
}

const EPILOGUE = `
  shootdown needs thread --flush hyperv --free rcu
  shootdown needs thread --show 'native_flush_tlb_others: csd_lock_wait'

Exit status: 0 every question has an answer, 1 the scenario is unsafe as it is, 2 the input or usage is
wrong, 3 something is unknown.`

export function registerNeeds(program: Command): void {
  program
    .command('needs')
    .description(
      'what is load-bearing: each barrier, flush, IPI, wait, lock and grace period is left out in turn',
    )
    .argument('<scenario>', "a name from 'shootdown list', or a scenario file (my.ts)")
    .option('--cpus <n>', 'virtual CPUs, 2 to 8')
    .option('--flush <names>', 'flush backends: native, hyperv, xen, kvm, serialize')
    .option('--free <names>', 'how page tables are freed: immediate, rcu, ipi-sync, boot')
    .option('--walker <names>', 'software page-table walkers: gup-fast, rcu, nmi, xen-spurious')
    .option('--memory-model <names>', 'tso or sc')
    .option('--levels <n>', 'page-table levels, 4 or 5')
    .option('--profile <names>', "Hyper-V's behaviour as one implementation has it: tlfs, kvm, openvmm, xen")
    .option('--show <site>', 'print the counterexample without this site')
    .option('--trails', 'print the counterexamples of all sites that are needed')
    .option('--no-sufficient', 'do not look for a small set of sites that is enough')
    .option('--liveness', 'a livelock is a loss too: waits and IPIs that only progress needs')
    .option('--max-states <n>', 'of each search: unknown, beyond so many states')
    .option('--timeout <seconds>', 'stop after so long in all')
    .option('--no-shortest', 'do not look for shortest counterexamples')
    .option('--json', 'one JSON document on standard output (docs/json.md)')
    .option('--ascii', 'plain ASCII: no line-drawing characters')
    .addHelpText('after', EPILOGUE)
    .action(async (target: string, flags: NeedsFlags) => {
      const { Runner } = await import('../run/run.ts')
      const runner = new Runner()
      try {
        process.exitCode = await runCommand(runner, target, flags)
      } finally {
        await runner.close()
      }
    })
}

async function runCommand(runner: Runner, target: string, flags: NeedsFlags): Promise<number> {
  const { prepare } = await import('./check-jobs.ts')
  const { limitsFrom } = await import('./search-flags.ts')
  const { needsStatus } = await import('../report/needs-report.ts')
  const { jobs } = await prepare(runner, [target], flags)
  const { signal, release } = stopSignal(limitsFrom(flags).timeoutMs)
  try {
    const reports: NeedsReport[] = []
    for (const job of jobs) reports.push(await ask(runner, job, flags, signal))
    const status = needsStatus(reports)
    await print(reports, jobs, flags, status)
    return status
  } finally {
    release()
  }
}

/** One signal for Ctrl-C and for the time limit of all searches together. */
function stopSignal(timeoutMs: number | undefined): {
  readonly signal: AbortSignal
  readonly release: () => void
} {
  const controller = new AbortController()
  const onInterrupt = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort('stopped by Ctrl-C')
  }
  process.on('SIGINT', onInterrupt)
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => controller.abort(`the time limit of ${timeoutMs / 1000} s was reached`), timeoutMs)
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer)
      process.off('SIGINT', onInterrupt)
    },
  }
}

async function ask(runner: Runner, job: Job, flags: NeedsFlags, signal: AbortSignal): Promise<NeedsReport> {
  const { runNeeds } = await import('../run/needs.ts')
  const { ProgressReporter } = await import('../report/progress.ts')
  const progress = new ProgressReporter(process.stderr, 0)
  const report = await runNeeds(runner, job, {
    signal,
    sufficient: flags.sufficient,
    onProgress: (search, now) => progress.update(search, now),
    onResult: (search) => progress.finish(search),
  })
  progress.clear()
  return report
}

/** The sites whose counterexamples are wanted. A name that is no site is not reached, or mistyped. */
async function shown(report: NeedsReport, flags: NeedsFlags): Promise<readonly SiteReport[]> {
  if (flags.trails === true) return report.sites.filter(({ answer }) => answer === 'needed')
  if (flags.show === undefined || report.sites.length === 0) return []
  const found = report.sites.filter(({ site }) => site === flags.show)
  if (found.length > 0) return found
  const { UsageError } = await import('../core/errors.ts')
  const { didYouMean } = await import('../run/nearest.ts')
  const names = report.sites.map(({ site }) => site)
  throw new UsageError(`--show ${flags.show}: not reached in this scenario${didYouMean(flags.show, names)}`)
}

async function print(
  reports: readonly NeedsReport[],
  jobs: readonly Job[],
  flags: NeedsFlags,
  status: 0 | 1 | 3,
): Promise<void> {
  const { replayCommand } = await import('./replay-command.ts')
  const replays = reports.map((report, i) => {
    const command = replayCommand(report.base, jobs[i] as Job)
    return report.base.verdict.verdict === 'safe' ? command.replace(/ check( |$)/, ' needs$1') : command
  })
  for (const report of reports) await shown(report, flags)
  if (flags.json === true) {
    const { needsDocument } = await import('../report/needs-json.ts')
    process.stdout.write(`${JSON.stringify(needsDocument(reports, status, replays), undefined, 2)}\n`)
    return
  }
  const { formatNeeds, formatTrails } = await import('../report/needs-text.ts')
  const { styleFor } = await import('../report/style.ts')
  const style = styleFor(process.stdout, flags.ascii === true ? { ascii: true } : {})
  const texts: string[] = []
  for (const [i, report] of reports.entries()) {
    const replay = replays[i] as string
    texts.push(formatNeeds(report, replay, style))
    const wanted = await shown(report, flags)
    if (wanted.length > 0) texts.push(formatTrails(wanted, replay, style))
  }
  process.stdout.write(`${texts.join('\n\n')}\n`)
}
