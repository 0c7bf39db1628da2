import * as v from 'valibot'
import { UsageError } from '../../core/errors.ts'

/**
 * Parameters of a workload, fitted to a recording by `shootdown trace fit`. Rates are per second of CPU time of
 * the job, so that they hold for any number of CPUs and any load; counts keep distributions whole, so that a
 * simulator can draw from them. Times are those of the recorded machine, which may have been an emulated one:
 * ratios carry over (flushes per fault, pages per flush, shares of targets), seconds may not.
 */

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const amount = v.pipe(v.number(), v.minValue(0))
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
/** Values with the number of times that each occurred; keys are decimal integers, for pages -1 is everything. */
const counts = v.record(v.pipe(v.string(), v.regex(/^-?\d+$/)), count)

/** A distribution of times in microseconds, by quantiles. */
const times = v.object({ n: count, mean: amount, p10: amount, p50: amount, p90: amount, p99: amount })

const job = v.object({
  /** Name of the program (the task's comm); `(others)` for all the small ones together. */
  name: v.string(),
  /** Address spaces and tasks that ran under this name. */
  processes: count,
  tasks: count,
  /** Most tasks that shared one of its address spaces at a time. */
  threads: count,
  cpuSeconds: amount,
  /** Share of the CPU time of all jobs. */
  cpuShare: share,
  perCpuSecond: v.object({
    faults: amount,
    localFlushes: amount,
    remoteFlushes: amount,
    munmap: amount,
    mprotect: amount,
    madvise: amount,
    mremap: amount,
    /** Switches away: because the task waits, and because it was preempted. */
    waits: amount,
    preemptions: amount,
    forks: amount,
  }),
  /** Time on a CPU until the task waits or is preempted, and time until a waiting task runs again. */
  run: times,
  wait: times,
  /** Faults by x86 error code. */
  faults: counts,
  /** Flushes by pages of 4 KiB, -1 for a full flush. */
  localPages: counts,
  remotePages: counts,
  /** One-page local flushes, and those among them within 3 ms after a write-protection fault on their CPU. */
  onePageFlushes: count,
  afterWriteProtection: count,
  /** Sizes of calls in pages. */
  munmapPages: counts,
  mprotectPages: counts,
  madvisePages: counts,
})

const targets = v.object({
  /** Other CPUs in the mask of a remote flush: number of flushes; null without probes. */
  mask: v.nullable(counts),
  /** Other CPUs that were interrupted or executed it; null when the recording cannot tell. */
  reached: v.nullable(counts),
  /** Remote flushes that free page tables; null without probes. */
  freedTables: v.nullable(share),
  /** Other CPUs of masks that were skipped as lazy, among flushes that free no tables; null without probes. */
  lazy: v.nullable(share),
  /** Handler runs for each remote flush, a lower bound of the CPUs reached; for recordings without anything better. */
  handlersPerFlush: amount,
})

const schema = v.object({
  schema: v.literal('shootdown-workload/1'),
  source: v.object({
    name: v.string(),
    workload: v.nullable(v.string()),
    kernel: v.nullable(v.string()),
    cpus: v.pipe(count, v.minValue(1)),
    seconds: amount,
    events: count,
    probes: v.boolean(),
  }),
  machine: v.object({
    /** Share of CPU time in the idle task. */
    idle: share,
    switchesPerCpuSecond: amount,
    /** Switches that flush: to another address space, for want of a PCID or of a current generation. */
    flushPerSwitch: share,
    migrationsPerSwitch: amount,
  }),
  targets,
  jobs: v.array(job),
})

/** Parameters of a workload; see the schema above, and `docs/trace.md`. */
export type WorkloadParameters = v.InferOutput<typeof schema>
/** Parameters of one program of a workload. */
export type JobParameters = v.InferOutput<typeof job>

/** Checks that `data` are parameters of a workload; a UsageError names the key that is wrong. */
export function checkParameters(data: unknown, where: string): WorkloadParameters {
  const result = v.safeParse(schema, data)
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new UsageError(`${where}: "${v.getDotPath(issue) ?? ''}": ${issue.message}`)
}
