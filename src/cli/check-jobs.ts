/** From the arguments of `check` to the jobs that are to be run. */

import type { Job, Runner } from '../run/run.ts'
import {
  combinations,
  type OptionLists,
  type RawOptions,
  readOptionLists,
  refuseUnused,
} from './option-lists.ts'
import { jobLimits, type LimitFlags, refuseCertificate } from './search-flags.ts'

/** The thread's question as a table: flush backend x freeing policy. */
const THREAD_TABLE = 'thread'

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
  return { jobs, demonstration: demonstrates ? 'documented' : 'verdicts' }
}
