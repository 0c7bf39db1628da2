/**
 * What a recording says about flushes, as plain data that a simulator can run: for each CPU the order of its context switches,
 * flushes and idle times, with the CPU time between them. Times are microseconds of the recorded machine.
 */
/** One thing that a CPU does. `at` is when it was over, since the beginning of the recording. */
export type ReplayStep = { readonly at: number } & (
  | {
      readonly kind: 'flush'
      /** CPU time before it, since the step before was over. */
      readonly work: number
      /** Number of the address space that is flushed. */
      readonly space: number
      /** Invalidations: strides of the range, -1 for everything. */
      readonly pages: number
      readonly freedTables: boolean
    }
  /** A context switch to a task of an address space; `lazy`: to a kernel thread or the idle loop, which have none. */
  | { readonly kind: 'switch'; readonly to: number | 'lazy' }
  /** CPU time that no flush follows. */
  | { readonly kind: 'run'; readonly work: number }
  /** The CPU sleeps in the idle loop until then. */
  | { readonly kind: 'idle' }
)

/** What one CPU, or vCPU, does from the beginning to the end. */
export type CpuScript = readonly ReplayStep[]

/** What the recording shows of the part that is replayed. */
export interface RecordedFigures {
  /** Microseconds of the part that is replayed, and CPU time in it that is neither idle nor a flush. */
  readonly span: number
  readonly work: number
  readonly flushes: number
  /** Flushes with other CPUs in the mask. */
  readonly remote: number
  /** Executions on other CPUs, by probes, or CPUs interrupted, by IPI events; undefined where the recording does not tell. */
  readonly executions: number | undefined
  /** Microseconds within which the quickest tenth of the flushes is done; undefined without probes. */
  readonly quickest: number | undefined
  /** Flushes that are left out: of no address space (batched unmaps), or of one that the recording does not tell. */
  readonly leftOut: number
  /** The recording goes on behind what is replayed. */
  readonly cut: boolean
}

/** The steps between two context switches, as they begin at `time` on one CPU. */
export interface Segment {
  readonly time: number
  readonly steps: CpuScript
}

/** Idle times `[from, to)`, in order. */
export type Idle = readonly (readonly [from: number, to: number])[]

/** One recorded CPU: what it ran, and when it slept. */
export interface RecordedCpu {
  readonly segments: readonly Segment[]
  readonly idle: Idle
}

/**
 * Puts recorded CPUs on so many vCPUs. CPU c goes to vCPU c modulo their number: where several meet, what they ran comes in
 * the order of the recording, and the vCPU sleeps when all of them did. vCPUs beyond the recorded CPUs are idle.
 */
export function placeOn(vcpus: number, cpus: readonly RecordedCpu[]): readonly CpuScript[] {
  return Array.from({ length: vcpus }, (_, vcpu) => {
    const here = cpus.filter((_, cpu) => cpu % vcpus === vcpu)
    const idle = here.map((cpu) => cpu.idle).reduce(intersection, [[0, Number.POSITIVE_INFINITY]])
    const sleeps = idle
      .filter(([, to]) => here.length > 0 && to < Number.POSITIVE_INFINITY)
      .map(([from, to]): Segment => ({ time: from, steps: [{ kind: 'idle', at: to }] }))
    return [...here.flatMap(({ segments }) => segments), ...sleeps]
      .sort((a, b) => a.time - b.time)
      .flatMap(({ steps }) => steps)
  })
}

function intersection(one: Idle, other: Idle): Idle {
  const both: (readonly [number, number])[] = []
  for (let i = 0, j = 0; i < one.length && j < other.length; ) {
    const [a, b] = [one[i]!, other[j]!]
    const [from, to] = [Math.max(a[0], b[0]), Math.min(a[1], b[1])]
    if (from < to) both.push([from, to])
    if (a[1] < b[1]) i++
    else j++
  }
  return both
}
