import type { WorkloadParameters } from '../../simulate/workloads/parameters.ts'
import type { SchedSwitch, TraceEvent } from '../events.ts'
import { pagesOf } from '../page-counts.ts'
import { kernelOf, type Sidecar } from '../sidecar.ts'
import { cpuCount, Summary } from '../summary.ts'
import { Job, rounded } from './job.ts'
import { type MmGroup, Tasks } from './tasks.ts'

/** Error code of a user's write to a present, write-protected page: copy-on-write. */
const WRITE_PROTECTION = 7
/** A flush this soon after such a fault on its CPU belongs to it. */
const COW_WINDOW = 3000
/** Jobs below this share of the CPU time and of the flushes are put together. */
const SMALL = 0.005
/** The most names that are told apart. */
const JOBS = 1000
/** The most live tasks that are told apart; a recording that needs more is damaged, and counts some twice. */
const TASKS = 1_000_000

interface CpuTime {
  /** When the task that runs now came to run; undefined before the first switch. */
  since: number | undefined
  /** Time of the CPU's last fault, when it was of that kind. */
  lastWriteProtection: number
}

/** Derives the parameters of a workload from the events of its recording. */
export class Fitter {
  readonly summary: Summary
  readonly #jobs = new Map<string, Job>()
  readonly #tasks = new Tasks()
  /** Address spaces, and tasks by name, that have been counted. */
  readonly #seenGroups = new WeakMap<MmGroup, Set<string>>()
  readonly #seenTasks = new Map<number, string>()
  readonly #waiting = new Map<number, number>()
  readonly #cpus: CpuTime[] = []
  #idle = 0
  #switches = 0

  constructor(file: string, sidecar: Sidecar | undefined, mhz?: number) {
    this.summary = new Summary(file, sidecar, mhz)
  }

  /** Takes the next event of the recording. */
  add(event: TraceEvent): void {
    this.summary.add(event)
    switch (event.kind) {
      case 'sched_switch':
        this.#switch(event)
        break
      case 'tlb_flush':
        if (event.reason === 3) this.#local(event.at, event.pages)
        else if (event.reason === 4) this.#job(event.at).remote.add(event.pages)
        break
      case 'xen_mmu_flush_tlb_multi':
      case 'hyperv_mmu_flush_tlb_multi':
        this.#job(event.at).remote.add(pagesOf(event.start, event.end))
        break
      case 'page_fault_user':
      case 'page_fault_kernel':
        this.#job(event.at).faults.add(event.errorCode)
        this.#cpu(event.at.cpu).lastWriteProtection =
          event.errorCode === WRITE_PROTECTION ? event.at.time : Number.NEGATIVE_INFINITY
        break
      case 'sys_enter_munmap':
        this.#job(event.at).munmap.add(Math.ceil(event.len / 4096))
        break
      case 'sys_enter_mprotect':
        this.#job(event.at).mprotect.add(Math.ceil(event.len / 4096))
        break
      case 'sys_enter_madvise':
        this.#job(event.at).madvise.add(Math.ceil(event.len / 4096))
        break
      case 'sys_enter_mremap':
        this.#job(event.at).mremaps++
        break
      case 'task_newtask':
        this.#seenTasks.delete(event.pid)
        this.#tasks.created(event)
        this.#job(event.at).forks++
        break
      case 'sched_process_exec':
        this.#exec(event.at)
        break
      case 'sched_process_exit':
        this.#tasks.exited(event.pid)
        break
      default:
    }
  }

  #cpu(number: number): CpuTime {
    for (let i = this.#cpus.length; i <= number; i++) {
      this.#cpus.push({ since: undefined, lastWriteProtection: Number.NEGATIVE_INFINITY })
    }
    return this.#cpus[number]!
  }

  #job({ pid, comm }: { readonly pid: number; readonly comm: string }): Job {
    let job = this.#jobs.get(comm)
    if (job === undefined) {
      const name = this.#jobs.size < JOBS ? comm : '(others)'
      job = this.#jobs.get(name) ?? new Job(name)
      this.#jobs.set(name, job)
    }
    if (this.#seenTasks.get(pid) !== comm) this.#meet(pid, comm, job)
    const group = this.#tasks.group(pid)
    if (group.peak > job.threads) job.threads = group.peak
    return job
  }

  /** A task is seen under this name for the first time, and perhaps its address space. */
  #meet(pid: number, comm: string, job: Job): void {
    if (this.#seenTasks.size >= TASKS) this.#seenTasks.clear()
    this.#seenTasks.set(pid, comm)
    job.tasks++
    const group = this.#tasks.group(pid)
    const names = this.#seenGroups.get(group) ?? new Set()
    this.#seenGroups.set(group, names)
    if (names.has(comm)) return
    names.add(comm)
    job.processes++
  }

  /** The new program's name may have been seen already: the kernel sets it some way before the event. */
  #exec({ pid, comm }: TraceEvent['at']): void {
    this.#tasks.executed(pid)
    if (this.#seenTasks.get(pid) === comm) this.#seenGroups.set(this.#tasks.group(pid), new Set([comm]))
  }

  #local(at: TraceEvent['at'], pages: number): void {
    const job = this.#job(at)
    job.local.add(pages)
    if (pages !== 1) return
    job.onePageFlushes++
    const since = at.time - this.#cpu(at.cpu).lastWriteProtection
    if (since >= 0 && since <= this.#units(COW_WINDOW)) job.afterWriteProtection++
  }

  #switch(event: SchedSwitch): void {
    const { time, cpu: number } = event.at
    const cpu = this.#cpu(number)
    this.#switches++
    if (event.prevPid === 0) {
      if (cpu.since !== undefined) this.#idle += this.#micros(time - cpu.since)
    } else {
      const job = this.#job({ pid: event.prevPid, comm: event.prevComm })
      if (cpu.since !== undefined) {
        const ran = this.#micros(time - cpu.since)
        job.cpuTime += ran
        job.run.add(ran)
      }
      if (event.prevState.startsWith('R')) job.preemptions++
      else if (this.#tasks.gone(event.prevPid)) this.#seenTasks.delete(event.prevPid)
      else {
        job.waits++
        if (this.#waiting.size >= TASKS) this.#waiting.clear()
        this.#waiting.set(event.prevPid, time)
      }
    }
    cpu.since = time
    const waited = this.#waiting.get(event.nextPid)
    if (event.nextPid === 0 || waited === undefined) return
    this.#waiting.delete(event.nextPid)
    this.#job({ pid: event.nextPid, comm: event.nextComm }).wait.add(this.#micros(time - waited))
  }

  /** A time span in microseconds, 0 where clocks of CPUs disagree; cycles of an unknown rate stand for themselves. */
  #micros(span: number): number {
    return Math.max(0, this.summary.decoder.clock === 'cycles' ? span / (this.summary.mhz ?? 1) : span)
  }

  #units(micros: number): number {
    return this.summary.decoder.clock === 'cycles' ? micros * (this.summary.mhz ?? 1) : micros
  }

  /** The recording has ended: its parameters. */
  parameters(): WorkloadParameters {
    const { summary } = this
    summary.finish()
    const { decoder, sidecar } = summary
    const jobs = this.#significant()
    const cpuTime = [...this.#jobs.values()].reduce((sum, job) => sum + job.cpuTime, 0)
    const all = cpuTime + this.#idle
    return {
      schema: 'shootdown-workload/1',
      source: {
        name: summary.name,
        workload: sidecar?.workload ?? null,
        kernel: kernelOf(sidecar) ?? null,
        cpus: Math.max(1, cpuCount(summary)),
        seconds: rounded(summary.seconds ?? 0),
        events: decoder.events,
        probes: summary.probes.flushes > 0,
      },
      machine: {
        idle: all === 0 ? 0 : rounded(this.#idle / all),
        switchesPerCpuSecond: all === 0 ? 0 : rounded(this.#switches / (all / 1e6)),
        flushPerSwitch:
          this.#switches === 0 ? 0 : rounded(Math.min(1, summary.flushes[0].total / this.#switches)),
        migrationsPerSwitch:
          this.#switches === 0 ? 0 : rounded(summary.count('sched_migrate_task') / this.#switches),
      },
      targets: targetParameters(summary),
      jobs: jobs.map((job) => job.parameters(cpuTime)),
    }
  }

  /** Jobs that matter, the largest first; the others as one. */
  #significant(): readonly Job[] {
    const all = [...this.#jobs.values()]
    const cpuTime = all.reduce((sum, job) => sum + job.cpuTime, 0)
    const flushes = all.reduce((sum, job) => sum + job.local.total + job.remote.total, 0)
    const others = new Job('(others)')
    const kept = all.filter((job) => {
      const large =
        job.name !== '<idle>' &&
        job.name !== '(others)' &&
        (job.cpuTime >= SMALL * cpuTime || job.local.total + job.remote.total >= Math.max(1, SMALL * flushes))
      if (!large) others.absorb(job)
      return large
    })
    kept.sort((a, b) => b.cpuTime - a.cpuTime)
    return others.tasks > 0 ? [...kept, others] : kept
  }
}

function targetParameters({ probes, ipiTargets, flushes }: Summary): WorkloadParameters['targets'] {
  const hasProbes = probes.maskOthers.size > 0
  const { asked, skipped } = probes.lazy
  const remote = probes.maskOthers.total
  const reached = hasProbes && probes.handledOthers.size > 0 ? probes.handledOthers : ipiTargets.perFlush
  return {
    mask: hasProbes ? probes.maskOthers.toJSON() : null,
    reached: reached.size > 0 && (hasProbes || ipiTargets.seen) ? reached.toJSON() : null,
    freedTables: hasProbes ? rounded(probes.freedTables / remote) : null,
    lazy: hasProbes && asked > 0 ? rounded(skipped / asked) : null,
    handlersPerFlush: flushes[4].total === 0 ? 0 : rounded(flushes[1].total / flushes[4].total),
  }
}
