/** From the arguments of `check` to the jobs that are to be run. */

import { UsageError } from '../core/errors.ts'
import type { JobLimits } from '../run/protocol.ts'
import type { Job, Runner, RunOptions } from '../run/run.ts'
import {
  combinations,
  type OptionLists,
  positive,
  type RawOptions,
  readOptionLists,
  refuseUnused,
} from './option-lists.ts'

/** The thread's question as a table: flush backend x freeing policy. */
const THREAD_TABLE = 'thread'

/** Flags that bound a check or choose how it searches. */
export interface LimitFlags {
  readonly maxStates?: string
  readonly timeout?: string
  readonly engine?: string
  readonly certificate?: string
  readonly preemptions?: string
  readonly seed?: string
  readonly executions?: string
  readonly depth?: string
  readonly why?: true
  readonly liveness?: true
  readonly shortest: boolean
  readonly symmetry?: boolean
}

export function limitsFrom(flags: LimitFlags): Pick<RunOptions, 'timeoutMs'> {
  return flags.timeout === undefined ? {} : { timeoutMs: positive(flags.timeout, '--timeout') * 1000 }
}

function jobLimits(flags: LimitFlags): JobLimits {
  return {
    ...(flags.maxStates === undefined ? {} : { maxStates: positive(flags.maxStates, '--max-states') }),
    ...(flags.engine === undefined ? {} : { engine: engineNamed(flags.engine) }),
    ...huntLimits(flags),
    ...(flags.why === undefined ? {} : { why: true }),
    ...(flags.liveness === undefined ? {} : { liveness: true }),
    ...(flags.certificate === undefined ? {} : { certificate: flags.certificate }),
    shortest: flags.shortest,
    ...(flags.symmetry === false ? { symmetry: false } : {}),
  }
}

const ENGINES = ['states', 'dpor', 'random', 'pct'] as const

function engineNamed(name: string): (typeof ENGINES)[number] {
  const engine = ENGINES.find((known) => known === name)
  if (engine !== undefined) return engine
  throw new UsageError(`--engine: "${name}" is no engine; there are: ${ENGINES.join(', ')}`)
}

/** Limits of the hunting modes. */
function huntLimits(flags: LimitFlags): JobLimits {
  const { preemptions, seed, executions, depth } = flags
  return {
    ...(preemptions === undefined ? {} : { preemptions: wholeNumber(preemptions, '--preemptions', 0) }),
    ...(seed === undefined ? {} : { seed: wholeNumber(seed, '--seed', 0) }),
    ...(executions === undefined ? {} : { executions: wholeNumber(executions, '--executions', 1) }),
    ...(depth === undefined ? {} : { depth: wholeNumber(depth, '--depth', 1) }),
  }
}

function wholeNumber(text: string, flag: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= 0x7fffffff) return value
  throw new UsageError(`${flag} ${text}: must be a whole number of at least ${least}`)
}

/** A certificate is of one search, by the first engine. */
function refuseCertificate(jobs: readonly Job[]): void {
  if (jobs.length !== 1)
    throw new UsageError(
      `--certificate: a certificate is of one scenario with one set of options, not of ${jobs.length}`,
    )
  const { engine = 'states' } = jobs[0]!.limits
  if (engine !== 'states')
    throw new UsageError(`--certificate: certificates are of stateful searches; leave out --engine ${engine}`)
}

/** Livelocks are looked for where everything else has been ruled out. */
function refuseHunting(jobs: readonly Job[]): void {
  const { engine = 'states', preemptions } = jobs[0]?.limits ?? {}
  const hunts =
    preemptions !== undefined
      ? '--preemptions'
      : engine === 'random' || engine === 'pct'
        ? `--engine ${engine}`
        : undefined
  if (hunts === undefined) return
  throw new UsageError(`--liveness: livelocks are looked for after a complete search; leave out ${hunts}`)
}

export interface Prepared {
  readonly jobs: readonly Job[]
  /** Whether the run demonstrates documented answers, or asks for verdicts. */
  readonly demonstration: 'verdicts' | 'documented'
}

/**
 * Throws what is wrong with the arguments.
 *
 * @param commands - what else a wrong name may have been meant to be
 * @param usual - values of options that are not given
 */
export async function prepare(
  runner: Runner,
  targets: readonly string[],
  flags: RawOptions & LimitFlags,
  commands: readonly string[] = [],
  usual: OptionLists = {},
): Promise<Prepared> {
  const limits = jobLimits(flags)
  const demonstrates = targets.length === 0
  const description = await runner.describe(demonstrates ? [THREAD_TABLE] : targets, commands)
  const scenarios = description.targets.flat()
  const given = readOptionLists(flags, description.values)
  refuseUnused(given, scenarios)
  // Without arguments the table has all its rows and columns, unless some are asked for. What boot would choose is one of the
  // other columns in every row; today's backends are not what the thread is about.
  const policies = description.values.free.filter((name) => name !== 'boot')
  const backends = description.values.flush.filter((name) => !name.endsWith('-now'))
  const table: OptionLists = { flush: backends, free: policies }
  const lists = demonstrates ? { ...table, ...given } : { ...usual, ...given }
  const jobs = scenarios.flatMap((info) =>
    combinations(lists, info).map(
      (options): Job => ({
        info,
        scenario: { name: info.name, ...(info.file === undefined ? {} : { file: info.file }) },
        options,
        limits,
      }),
    ),
  )
  if (flags.certificate !== undefined) refuseCertificate(jobs)
  if (flags.liveness !== undefined) refuseHunting(jobs)
  return { jobs, demonstration: demonstrates ? 'documented' : 'verdicts' }
}
