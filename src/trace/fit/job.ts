import type { JobParameters } from '../../simulate/workloads/parameters.ts'
import { LogHistogram } from '../log-histogram.ts'
import { PageCounts } from '../page-counts.ts'
import { Tally } from '../tally.ts'

/** Rounded to six significant digits: what a recording can tell, and files that compare well. */
export function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : 0
}

/** What one program did in a recording. Times are in microseconds. */
export class Job {
  readonly name: string
  processes = 0
  tasks = 0
  threads = 0
  cpuTime = 0
  forks = 0
  waits = 0
  preemptions = 0
  mremaps = 0
  onePageFlushes = 0
  afterWriteProtection = 0
  readonly faults = new Tally<number>(-1)
  readonly local = new PageCounts()
  readonly remote = new PageCounts()
  readonly munmap = new PageCounts()
  readonly mprotect = new PageCounts()
  readonly madvise = new PageCounts()
  readonly run = new LogHistogram()
  readonly wait = new LogHistogram()

  constructor(name: string) {
    this.name = name
  }

  /** The job's parameters; `allCpuTime` is that of all jobs. */
  parameters(allCpuTime: number): JobParameters {
    const seconds = this.cpuTime / 1e6
    const rate = (n: number) => (seconds === 0 ? 0 : rounded(n / seconds))
    return {
      name: this.name,
      processes: this.processes,
      tasks: this.tasks,
      threads: this.threads,
      cpuSeconds: rounded(seconds),
      cpuShare: allCpuTime === 0 ? 0 : rounded(this.cpuTime / allCpuTime),
      perCpuSecond: {
        faults: rate(this.faults.total),
        localFlushes: rate(this.local.total),
        remoteFlushes: rate(this.remote.total),
        munmap: rate(this.munmap.total),
        mprotect: rate(this.mprotect.total),
        madvise: rate(this.madvise.total),
        mremap: rate(this.mremaps),
        waits: rate(this.waits),
        preemptions: rate(this.preemptions),
        forks: rate(this.forks),
      },
      run: quantiles(this.run),
      wait: quantiles(this.wait),
      faults: this.faults.toJSON(),
      localPages: pageRecord(this.local),
      remotePages: pageRecord(this.remote),
      onePageFlushes: this.onePageFlushes,
      afterWriteProtection: this.afterWriteProtection,
      munmapPages: pageRecord(this.munmap),
      mprotectPages: pageRecord(this.mprotect),
      madvisePages: pageRecord(this.madvise),
    }
  }

  /** Adds all that `other` did, except times of single tasks: for the line of small jobs. */
  absorb(other: Job): void {
    this.processes += other.processes
    this.tasks += other.tasks
    this.threads = Math.max(this.threads, other.threads)
    this.cpuTime += other.cpuTime
    this.forks += other.forks
    this.waits += other.waits
    this.preemptions += other.preemptions
    this.mremaps += other.mremaps
    this.onePageFlushes += other.onePageFlushes
    this.afterWriteProtection += other.afterWriteProtection
    for (const [code, n] of other.faults.byKey()) this.faults.add(code, n)
    for (const part of ['local', 'remote', 'munmap', 'mprotect', 'madvise'] as const) {
      this[part].merge(other[part])
    }
  }
}

function quantiles(histogram: LogHistogram): JobParameters['run'] {
  const at = (q: number) => rounded(histogram.quantile(q))
  return {
    n: histogram.n,
    mean: rounded(histogram.mean),
    p10: at(0.1),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
  }
}

function pageRecord(pages: PageCounts): Record<string, number> {
  const { ranged, full } = pages.toJSON()
  return full === 0 ? ranged : { '-1': full, ...ranged }
}
