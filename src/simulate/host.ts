/** The machine that is simulated: what a user may write as JSON, checked key by key. */
import * as v from 'valibot'
import { UsageError } from '../core/errors.ts'
import { IDLE_STATES } from './idle-states.ts'

const count = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most))
const amount = v.pipe(v.number(), v.minValue(0))

/** Shorter slices than these microseconds would be nothing but switches. */
export const LEAST_SLICE = 10

const schema = v.strictObject({
  /** Name of the cost model. */
  costModel: v.optional(v.string(), 'skylake'),
  /** Constants of the cost model that are different here, in their own units. */
  costs: v.optional(v.record(v.string(), amount), {}),
  /** Physical CPUs and the sockets that they are spread over. */
  pcpus: v.optional(count(1, 4096), 4),
  sockets: v.optional(count(1, 64), 1),
  /** Virtual machines with so many vCPUs each. Without virtualisation there is one, and each CPU is a pCPU. */
  vms: v.optional(count(1, 256), 1),
  vcpus: v.optional(count(1, 1024)),
  virtual: v.optional(v.boolean()),
  /** vCPUs of one more VM beside those, which compute all the time (`stress --cpu N`); what they do is not counted. */
  hogs: v.optional(count(0, 1024), 0),
  /** How guests send IPIs, and how they get them. */
  apic: v.optional(v.picklist(['xapic', 'x2apic-physical', 'x2apic-cluster']), 'x2apic-cluster'),
  postedInterrupts: v.optional(v.boolean(), true),
  ipiVirtualization: v.optional(v.boolean(), false),
  pvIpi: v.optional(v.boolean(), false),
  /** Threads of each core: pCPUs that slow each other down. First threads of all cores come first. */
  smt: v.optional(count(1, 8), 1),
  /** pCPUs that share a last-level cache; by default those of a socket. */
  cachePcpus: v.optional(count(1, 4096)),
  /** Page-table isolation: the kernel is entered and left by a write to CR3, and each page is invalidated twice. */
  pti: v.optional(v.boolean(), false),
  /**
   * How PTI invalidates a page of the user half: by INVPCID at once, or wholly, by the write to CR3 that goes back to user mode
   * anyway (what the kernel does where there is no INVPCID).
   */
  ptiFlush: v.optional(v.picklist(['invpcid', 'deferred']), 'invpcid'),
  /**
   * The host's scheduler: slices in turn, or fair (CFS: who has run least is next; slices are a share of `latency`, at least
   * `slice`; who has slept comes back with half of `latency` in hand).
   */
  scheduler: v.optional(v.picklist(['turns', 'fair']), 'fair'),
  /** The host's time slice in microseconds. */
  slice: v.optional(v.pipe(v.number(), v.minValue(LEAST_SLICE)), 3000),
  /** In how many microseconds a fair scheduler runs everybody once; 8 slices by default (`sched_nr_latency`). */
  latency: v.optional(amount),
  /** A vCPU that is woken takes the pCPU from one that has run so many microseconds; 4/3 of a slice by default, as CFS has it. */
  wakeupGranularity: v.optional(amount),
  /** Deepest state that a pCPU without work goes to; how long they take to leave is the cost model's. */
  idleStates: v.optional(v.picklist(IDLE_STATES), 'c6'),
  /** Share of each pCPU that the host's own threads take from vCPUs, 100 us at a time. */
  hostLoad: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(0.5)), 0),
  /** Pause-loop exiting: a vCPU that spins so many cycles gives its pCPU up to another; 0 is never. */
  pleWindow: v.optional(amount, 4096),
  /**
   * Whom a spinning vCPU gives its pCPU up to: nobody (it exits, finds no lock holder of its own to yield to, and spins on: KVM
   * before directed yield), whoever is next, one of its own that was preempted in kernel mode (KVM of 2017), or it lets a vCPU of its own go first that has an interrupt to take (d73eb57b80b).
   */
  boost: v.optional(v.picklist(['none', 'yield', 'in-kernel', 'ipi-targets']), 'in-kernel'),
  /** Guests that have sent an IPI to vCPUs of which one is preempted yield to it by a hypercall (KVM_HC_SCHED_YIELD, 2019). */
  pvSchedYield: v.optional(v.boolean(), false),
  /**
   * Spinlocks of guests: `native` ones spin for ever; `pv` ones halt after a while and are kicked (a hypercall); `pv-early` ones
   * halt at once while who waits before them does not run (until 89340d0935c9).
   */
  locks: v.optional(v.picklist(['native', 'pv', 'pv-early']), 'pv'),
  /** Pages that user code comes back to: what a full flush makes it refill, by and by; the workload's own by default. */
  workingSet: v.optional(count(0, 1_000_000)),
})

/** A machine as it is written; see the schema, and docs/simulator.md. */
export type HostInput = v.InferInput<typeof schema>

/** A machine with everything decided. */
export type HostDescription = Omit<
  v.InferOutput<typeof schema>,
  'vcpus' | 'virtual' | 'cachePcpus' | 'latency' | 'wakeupGranularity' | 'workingSet'
> & {
  readonly vcpus: number
  readonly latency: number
  readonly wakeupGranularity: number
  readonly virtual: boolean
  readonly cachePcpus?: number | undefined
  readonly workingSet?: number | undefined
}

/**
 * Checks a description.
 *
 * @param flush - the backend: `hyperv`, `xen`, `kvm` and `serialize` make a virtual machine where nothing else is said
 * @throws UsageError that names the key that is wrong
 */
export function checkHost(data: unknown, where: string, flush = 'native'): HostDescription {
  const result = v.safeParse(schema, data)
  if (!result.success) {
    const issue = result.issues[0]
    throw new UsageError(`${where}: "${v.getDotPath(issue) ?? ''}": ${issue.message}`)
  }
  const host = result.output
  const vcpus = host.vcpus ?? host.pcpus
  const paravirtual = flush !== 'native' && flush !== 'invlpgb'
  if (host.sockets > host.pcpus) {
    const has = `${host.pcpus} pCPU${host.pcpus === 1 ? '' : 's'}`
    throw new UsageError(`${where}: "sockets": ${host.sockets} for ${has}; each has one at least`)
  }
  const crowded = host.vms > 1 || host.hogs > 0 || vcpus > host.pcpus
  const virtual = host.virtual ?? (paravirtual || crowded)
  if (!virtual && crowded) {
    throw new UsageError(`${where}: bare metal ("virtual": false) has one machine, and a pCPU for each CPU`)
  }
  const { latency = 8 * host.slice, wakeupGranularity = (4 / 3) * host.slice } = host
  return { ...host, vcpus, virtual, latency, wakeupGranularity }
}
