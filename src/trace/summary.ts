import { TraceDecoder } from './decoder.ts'
import { type EventKind, FLUSH_REASONS, type FlushReason, type TraceEvent } from './events.ts'
import { FlushRate } from './flush-rate.ts'
import { FlushTracker } from './flush-tracker.ts'
import { IpiTargets } from './ipi-targets.ts'
import { PageCounts, pagesOf } from './page-counts.ts'
import { ProbeFigures } from './probe-figures.ts'
import { readTrace } from './reader.ts'
import { findSidecar, isPair, type Sidecar } from './sidecar.ts'
import { Tally } from './tally.ts'

/** Flushes of one process, or on one CPU. */
export interface FlushShare {
  /** By {@link FlushReason}. */
  readonly reasons: [number, number, number, number, number, number]
  /** Remote flushes of a paravirtual backend, which have no reason. */
  paravirtual: number
  faults: number
}

/** What a recording contains, in figures. */
export class Summary {
  readonly file: string
  readonly sidecar: Sidecar | undefined
  readonly decoder = new TraceDecoder()
  /** Time from the first event to the last, in the unit of the decoder's clock. */
  span = 0
  /** `tlb_flush` events by reason. */
  readonly flushes = FLUSH_REASONS.map(() => new PageCounts()) as unknown as readonly [
    PageCounts,
    PageCounts,
    PageCounts,
    PageCounts,
    PageCounts,
    PageCounts,
  ]
  readonly ipiTargets = new IpiTargets()
  /** Remote flushes of a Xen or Hyper-V guest: pages asked for, and CPUs in the mask that the backend was given. */
  readonly paravirtual = new PageCounts()
  readonly paravirtualCpus = new Tally<number>(-1)
  /** Faults by their error code. */
  readonly faults = new Tally<number>(-1)
  /** By the name of the process; what is not in the first thousand names is under `(others)`. */
  readonly processes = new Map<string, FlushShare>()
  readonly cpus = new Map<number, FlushShare>()
  /** Host side: hypercalls by code, flush runs of vCPUs by result, flushes done at entry for a preempted vCPU. */
  readonly hypercalls = new Tally<number>(-1)
  readonly vcpuFlushes = new Tally<number>(1)
  deferredFlushes = 0
  readonly rate = new FlushRate()
  /** What probes tell; its `flushes` is 0 when the recording has none. */
  readonly probes = new ProbeFigures()
  readonly #tracker = new FlushTracker()
  #first: number | undefined
  #last = 0

  /** Rate of a cycle clock, when it is known. */
  readonly mhz: number | undefined

  /** @param mhz rate of a cycle clock; the sidecar's when it says */
  constructor(file: string, sidecar?: Sidecar, mhz?: number) {
    this.file = file
    this.sidecar = sidecar
    this.mhz = mhz ?? sidecar?.tsc_mhz
  }

  /** The recording's name: its sidecar's, or the file's. */
  get name(): string {
    return this.sidecar?.name ?? this.file.replace(/^.*\//, '').replace(/(\.trace)?(\.txt)?(\.gz)?$/, '')
  }

  /** Seconds of the recording; undefined for a cycle clock whose rate is unknown. */
  get seconds(): number | undefined {
    if (this.decoder.clock === 'us') return this.span / 1e6
    return this.mhz === undefined ? undefined : this.span / (this.mhz * 1e6)
  }

  /** Takes the next event of the recording. */
  add(event: TraceEvent): void {
    const { time } = event.at
    this.#first ??= time
    // Clocks of CPUs may differ a little: the span is to the latest time, not to the last line's.
    if (time > this.#last) this.#last = time
    this.span = this.#last - this.#first
    this.ipiTargets.add(event)
    for (const flush of this.#tracker.add(event)) this.probes.add(flush)
    switch (event.kind) {
      case 'tlb_flush':
        this.flushes[event.reason].add(event.pages)
        this.#share(event, event.reason)
        if (event.reason === 3 || event.reason === 4) this.rate.add(time)
        break
      case 'xen_mmu_flush_tlb_multi':
      case 'hyperv_mmu_flush_tlb_multi':
        this.paravirtual.add(pagesOf(event.start, event.end))
        this.paravirtualCpus.add(event.ncpus)
        this.#share(event, 'paravirtual')
        this.rate.add(time)
        break
      case 'page_fault_user':
      case 'page_fault_kernel':
        this.faults.add(event.errorCode)
        this.#share(event, 'faults')
        break
      case 'kvm_hv_hypercall':
        this.hypercalls.add(event.code)
        break
      case 'vflush_ret':
        this.vcpuFlushes.add(event.ret)
        break
      case 'kvm_pv_tlb_flush':
        if (event.needFlush) this.deferredFlushes++
        break
      default:
    }
  }

  /** The recording has ended. */
  finish(): void {
    this.ipiTargets.finish()
    for (const flush of this.#tracker.finish()) this.probes.add(flush)
  }

  /** How often an event occurred. */
  count(kind: EventKind): number {
    return this.decoder.known.get(kind) ?? 0
  }

  #share(event: TraceEvent, what: FlushReason | 'paravirtual' | 'faults'): void {
    const { comm, cpu } = event.at
    for (const share of [shareOf(this.processes, comm, '(others)'), shareOf(this.cpus, cpu, -1)]) {
      if (typeof what === 'number') share.reasons[what]++
      else share[what]++
    }
  }
}

function shareOf<K>(shares: Map<K, FlushShare>, key: K, others: K): FlushShare {
  const known = shares.get(key) ?? (shares.size < 1000 ? undefined : shares.get(others))
  if (known !== undefined) return known
  const share: FlushShare = { reasons: [0, 0, 0, 0, 0, 0], paravirtual: 0, faults: 0 }
  shares.set(shares.size < 999 ? key : others, share)
  return share
}

/** Reads a recording, with the sidecar beside it when there is one, and counts what is in it. */
export async function summarize(file: string, mhz?: number): Promise<Summary> {
  const summary = new Summary(file, await findSidecar(file), mhz)
  for await (const events of readTrace(file, summary.decoder)) {
    for (const event of events) summary.add(event)
  }
  summary.finish()
  return summary
}

/** Flush sizes of several recordings together, by workload and reason, as `summary` prints them for a set. */
export function poolByWorkload(summaries: readonly Summary[]): ReadonlyMap<string, readonly PageCounts[]> {
  const pools = new Map<string, readonly PageCounts[]>()
  for (const summary of summaries) {
    const key = summary.sidecar?.workload ?? summary.name
    const pool = pools.get(key) ?? FLUSH_REASONS.map(() => new PageCounts())
    pools.set(key, pool)
    summary.flushes.forEach((counts, reason) => {
      pool[reason]!.merge(counts)
    })
  }
  return pools
}

/** CPUs of the recorded machine: the sidecar's, the header's, or those seen. */
export function cpuCount(summary: Summary): number {
  const { sidecar, decoder } = summary
  if (sidecar !== undefined) return isPair(sidecar) ? sidecar.guest_vcpus : sidecar.vcpus
  return decoder.processors ?? Math.max(0, ...summary.cpus.keys()) + 1
}
