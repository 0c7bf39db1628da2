/** Flags that bound a search, or choose how it is done: what they say, and what does not go together. */
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { JobLimits } from '../run/protocol.ts'
import type { Job, RunOptions } from '../run/run.ts'

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
  readonly witness?: true
  readonly liveness?: true
  readonly shortest: boolean
  readonly symmetry?: boolean
  readonly workers?: string
}

export function limitsFrom({ timeout, workers }: LimitFlags): Pick<RunOptions, 'timeoutMs' | 'workers'> {
  return {
    ...(timeout !== undefined && { timeoutMs: secondsOf(timeout, '--timeout') * 1000 }),
    ...(workers !== undefined && { workers: wholeNumber(workers, '--workers', 1, MOST_WORKERS) }),
  }
}

export function jobLimits(flags: LimitFlags): JobLimits {
  refuseIdle(flags)
  return {
    ...(flags.maxStates === undefined
      ? {}
      : { maxStates: wholeNumber(flags.maxStates, '--max-states', 1, MOST_STATES) }),
    ...(flags.engine === undefined ? {} : { engine: engineNamed(flags.engine) }),
    ...huntLimits(flags),
    ...(flags.why === undefined && flags.witness === undefined ? {} : { why: true }),
    ...(flags.liveness === undefined ? {} : { liveness: true }),
    ...(flags.certificate === undefined ? {} : { certificate: flags.certificate }),
    shortest: flags.shortest,
    ...(flags.symmetry === false ? { symmetry: false } : {}),
  }
}

/** Past it the store's indices do not go; memory ends long before. */
const MOST_STATES = 2 ** 31 - 1
const MOST_WORKERS = 64
const MOST_SECONDS = Math.floor((2 ** 31 - 1) / 1000)
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

function wholeNumber(text: string, flag: string, least: number, most = 0x7fffffff): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${flag} ${text}: must be a whole number from ${least} to ${most}`)
}

/** Seconds, fractions too; timers know no more than so many. */
function secondsOf(text: string, flag: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value <= MOST_SECONDS) return value
  throw new UsageError(`${flag} ${text}: must be a number of seconds above 0, and at most ${MOST_SECONDS}`)
}

/** A flag that would silently change nothing is a mistake. */
function refuseIdle(flags: LimitFlags): void {
  const { engine, preemptions } = flags
  if (preemptions !== undefined && engine !== undefined && engine !== 'states')
    throw new UsageError(`--preemptions goes through schedules by itself; leave out --engine ${engine}`)
  const drawn = engine === 'random' || engine === 'pct'
  for (const name of ['seed', 'executions'] as const) {
    if (flags[name] !== undefined && !drawn)
      throw new UsageError(`--${name} changes nothing without --engine random or --engine pct`)
  }
  if (flags.depth !== undefined && engine !== 'pct')
    throw new UsageError('--depth changes nothing without --engine pct')
  const hunts = preemptions !== undefined ? '--preemptions' : drawn ? `--engine ${engine}` : undefined
  if (hunts === undefined) return
  if (flags.liveness !== undefined)
    throw new UsageError(`--liveness: livelocks are looked for after a complete search; leave out ${hunts}`)
  if (flags.why !== undefined || flags.witness !== undefined)
    throw new UsageError(`--why is about a safe verdict, which ${hunts} never gives`)
}

/** A certificate is of one search, by the first engine. */
export function refuseCertificate(jobs: readonly Job[]): void {
  if (jobs.length !== 1)
    throw new UsageError(
      `--certificate: a certificate is of one scenario with one set of options, not of ${jobs.length}`,
    )
  const { engine = 'states', preemptions, certificate = '' } = jobs[0]!.limits
  if (preemptions !== undefined)
    throw new UsageError('--certificate: certificates are of complete searches; leave out --preemptions')
  if (engine !== 'states')
    throw new UsageError(`--certificate: certificates are of stateful searches; leave out --engine ${engine}`)
  // Said now, and not after the search.
  const folder = dirname(resolve(certificate))
  if (!existsSync(folder)) throw new UsageError(`--certificate ${certificate}: there is no folder ${folder}`)
  try {
    accessSync(existsSync(certificate) ? certificate : folder, constants.W_OK)
  } catch {
    throw new UsageError(`--certificate ${certificate}: it cannot be written there`)
  }
}
