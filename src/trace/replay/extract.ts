import { UsageError } from '../../core/errors.ts'
import { AddressSpaces, resolve, type Space } from '../check/address-spaces.ts'
import { ownTlbOrder } from '../check/kernel-rules.ts'
import { isNoMm } from '../check/machine-replay.ts'
import { TLB_FLUSH_ALL, type TraceEvent, type Where } from '../events.ts'
import { type Backend, type Flush, handledOn } from '../flush.ts'
import { FlushTracker } from '../flush-tracker.ts'
import { IpiTargets } from '../ipi-targets.ts'
import { LogHistogram } from '../log-histogram.ts'
import { weight } from '../tally.ts'
import { BareFlushes } from './bare-flushes.ts'
import { type RawStep, recordedCpu } from './recorded-cpu.ts'
import type { RecordedCpu, RecordedFigures } from './stream.ts'

/** What {@link Extractor} gives, before vCPUs are chosen. */
export interface Extracted {
  readonly cpus: readonly RecordedCpu[]
  readonly backend: Backend
  readonly probes: boolean
  readonly spaces: number
  readonly figures: Omit<RecordedFigures, 'cut'>
}

/** Pages of a huge one: without probes, sizes above the ceiling are of these. */
const HUGE = 512
const CEILING = 33

/** The share of flushes that is the quickest: they wait for nobody. */
export const QUICK = 0.1

/** Collects the steps of each CPU from a recording. */
export class Extractor {
  readonly #spaces = new AddressSpaces()
  readonly #tracker = new FlushTracker()
  readonly #bare: BareFlushes
  readonly #steps: RawStep[][] = []
  readonly #bareSteps: RawStep[][] = []
  /** The task that each CPU runs, as far as its events have told. */
  readonly #running: (number | undefined)[] = []
  #backend: Backend = 'native'
  #probes = false
  readonly #durations = new LogHistogram()
  readonly #ipis = new IpiTargets()
  #switches = 0
  #leftOut = 0
  #bareLeftOut = 0
  #probed = { flushes: 0, remote: 0, executions: 0 }
  #bareCounts = { flushes: 0, remote: 0 }
  #first: number | undefined
  #last = 0

  /** @param kernel version of the recorded kernel, if it is known */
  constructor(kernel?: string) {
    this.#bare = new BareFlushes(ownTlbOrder(kernel), (at, pages, remote) =>
      this.#bareFlush(at, pages, remote),
    )
  }

  /** Flushes collected so far. */
  get flushes(): number {
    return this.#probes ? this.#probed.flushes : this.#bareCounts.flushes
  }

  /** Takes the next event of the recording. */
  add(event: TraceEvent): void {
    const { at } = event
    this.#first ??= at.time
    if (at.time > this.#last) this.#last = at.time
    if (this.#running[at.cpu] === undefined) this.#begin(event)
    for (const flush of this.#tracker.add(event)) this.#flush(flush)
    if (!this.#probes) this.#bare.add(event)
    this.#ipis.add(event)
    this.#spaces.add(event)
    switch (event.kind) {
      case 'sched_switch':
        this.#switches++
        this.#switchTo(at, event.nextPid, event.nextComm)
        break
      case 'sched_process_exec':
        if (this.#running[at.cpu] === event.pid) this.#switchTo(at, event.pid, at.comm)
        break
      case 'flush_range':
      case 'flush_func':
        this.#probes = true
        break
      case 'xen_mmu_flush_tlb_multi':
      case 'xen_mmu_flush_tlb_one_user':
        this.#backend = 'xen'
        break
      case 'hyperv_mmu_flush_tlb_multi':
        this.#backend = 'hyperv'
        break
      case 'kvm_multi':
        this.#backend = 'kvm'
        break
      default:
    }
  }

  /** The recording, or the part of it that is wanted, has ended. */
  finish(file: string): Extracted {
    for (const flush of this.#tracker.finish()) this.#flush(flush)
    this.#bare.finish()
    this.#ipis.finish()
    const { flushes, remote } = this.#probed
    const steps = this.#steps.map((own, cpu) => [
      ...own,
      ...(this.#probes ? [] : (this.#bareSteps[cpu] ?? [])),
    ])
    if (this.#switches === 0) {
      throw new UsageError(
        `${file}: has no context switches, and without them nobody knows what its CPUs ran; record sched:sched_switch too`,
      )
    }
    if (this.flushes === 0) {
      throw new UsageError(
        `${file}: has no flushes of an address space; record tlb:tlb_flush or the probes too`,
      )
    }
    const numbers = new Map<Space, number>()
    const numberOf = (space: Space) => {
      const one = resolve(space)
      const known = numbers.get(one) ?? numbers.size
      numbers.set(one, known)
      return known
    }
    // Who flushes an address space, or has shown a fault or a call, has it; of others it is not known.
    const known = new Set<Space>()
    for (const step of steps.flat()) {
      if (step.space !== undefined && (step.kind === 'flush' || step.user === true))
        known.add(resolve(step.space))
    }
    const first = this.#first ?? 0
    const span = this.#last - first
    const cpus = steps.map((own) => recordedCpu(own, [first, this.#last], known, numberOf))
    return {
      cpus: cpus.map(({ cpu }) => cpu),
      backend: this.#backend,
      probes: this.#probes,
      spaces: numbers.size,
      figures: {
        span,
        work: cpus.reduce((sum, { work }) => sum + work, 0),
        flushes: this.flushes,
        remote: this.#probes ? remote : this.#bareCounts.remote,
        executions: this.#executions(),
        quickest: this.#probes && flushes > 0 ? this.#durations.quantile(QUICK) : undefined,
        leftOut: this.#probes ? this.#leftOut : this.#bareLeftOut,
      },
    }
  }

  /** What other CPUs were asked to flush, by probes or by IPI events; undefined where neither tells it. */
  #executions(): number | undefined {
    if (this.#backend === 'xen' || this.#backend === 'hyperv') return undefined
    if (this.#probes) return this.#probed.executions
    if (!this.#ipis.seen) return undefined
    return this.#ipis.perFlush.byKey().reduce((sum, [cpus, n]) => sum + cpus * n, 0)
  }

  /** The first event of a CPU: what it runs has been running since the beginning. */
  #begin({ at }: TraceEvent): void {
    for (let cpu = this.#steps.length; cpu <= at.cpu; cpu++) this.#steps.push([])
    this.#switchTo({ ...at, time: this.#first ?? at.time, line: 0 }, at.pid, at.comm)
  }

  #switchTo(at: Where, pid: number, comm: string): void {
    this.#running[at.cpu] = pid
    const kind = this.#spaces.kind(pid, comm)
    const space = kind === 'kernel' ? undefined : this.#spaces.of(pid, comm)
    const user = kind === 'unknown' ? 'unknown' : kind === 'user'
    this.#steps[at.cpu]!.push({ kind: 'switch', at, pid, space, user })
  }

  #flush(flush: Flush): void {
    const { request, info, remote, local } = flush
    const begin = remote?.at ?? local?.at ?? request?.at
    const mm = info?.mm ?? request?.mm
    const range = info ?? request
    if (begin === undefined || mm === undefined || range === undefined) return
    if (isNoMm(mm)) {
      this.#leftOut++
      return
    }
    const { pid, comm } = begin
    const own = 1n << BigInt(begin.cpu)
    const here = local !== undefined || (remote !== undefined && (remote.mask & own) !== 0n)
    if (here && this.#spaces.kind(pid, comm) !== 'kernel') this.#spaces.bind(this.#spaces.of(pid, comm), mm)
    const sameCpu = request !== undefined && request.at.cpu === begin.cpu
    const at = sameCpu ? request.at : begin
    const until = Math.max(
      remote?.returned?.time ?? local?.done?.time ?? local?.at.time ?? begin.time,
      at.time,
    )
    this.#probed.flushes++
    this.#durations.add(until - at.time)
    if (remote !== undefined) {
      this.#probed.remote++
      this.#probed.executions += weight(handledOn(flush))
    }
    const full = range.end === TLB_FLUSH_ALL
    this.#steps[at.cpu]!.push({
      kind: 'flush',
      at,
      until,
      space: this.#spaces.named(mm),
      pages: full ? -1 : Math.max(1, Math.round((range.end - range.start) / 2 ** range.stride)),
      freedTables: range.freed,
    })
  }

  /** A flush of a recording without probes: it is of the task's own address space. */
  #bareFlush(at: Where, pages: number, remote: boolean): void {
    if (this.#spaces.kind(at.pid, at.comm) === 'kernel') {
      this.#bareLeftOut++
      return
    }
    this.#bareCounts.flushes++
    if (remote) this.#bareCounts.remote++
    this.#bareSteps[at.cpu] ??= []
    this.#bareSteps[at.cpu]!.push({
      kind: 'flush',
      at,
      until: at.time,
      space: this.#spaces.of(at.pid, at.comm),
      pages: pages > CEILING ? Math.ceil(pages / HUGE) : pages,
      freedTables: false,
    })
  }
}
