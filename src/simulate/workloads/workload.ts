/** What a workload is, and everything that can be said about how it runs. */
import type { Task } from '../../core/operation.ts'
import type { Cpu } from '../../machine/machine.ts'
import type { Vm } from './vm.ts'

/** Knobs of workloads. Each is an option of `shootdown bench` and a key of a machine description's `workload`. */
export interface Knobs {
  /** Threads; by default one for each vCPU. */
  readonly threads: number
  /** Processes that the threads run in turn (wakeups), or are of (reclaim: 1 is one process); 0 is what the workload is about. */
  readonly processes: number
  /** Pages that an operation maps, touches and flushes. */
  readonly pages: number
  /** Microseconds of user code between two operations. */
  readonly think: number
  /** Share of time that threads sleep between operations. */
  readonly idle: number
  /** Whether freeing a page drains the LRU batches under the global LRU lock. */
  readonly lru: boolean
  /** Pages for which reclaim flushes at once. */
  readonly batch: number
  /** Pages that reclaim takes off the list at once (`SWAP_CLUSTER_MAX`). */
  readonly cluster: number
  /** Share of the pages that reclaim looks at that have not been used lately, and go (by default calibrated: VS-10, interrupts). */
  readonly reclaimed: number
  /** A batch is flushed page by page, and not wholly. */
  readonly byPage: boolean
  /** CPUs that have left the mm stay in its mask (209954cbc7). */
  readonly lazyMask: boolean
  /**
   * How a flush sees which targets are lazy: not at all (until 4.20), on the line that their flushes write, or on a line of
   * its own (2f4305b19fe6 of 2021).
   */
  readonly lazyCheck: 'none' | 'shared-line' | 'own-line'
  /** Accesses of each operation to a line that all threads write: the lock of the page tree of their file (tlb-flush). */
  readonly sharedLines: number
  /** The own TLB is flushed while the others are interrupted (4ce94eabac16). */
  readonly concurrent: boolean
  /** Pages up to which a range is flushed page by page (`tlb_single_page_flush_ceiling`). */
  readonly ceiling: number
  /** CPUs from which on INVLPGB is used. */
  readonly invlpgbThreshold: number
  /** munmap and mmap hold mmap_lock for writing: through the flush, or only until it (downgraded), or not at all. */
  readonly mmapLock: 'write' | 'downgrade' | 'none'
  /** Threads that walk (gup-storm): share of all. */
  readonly walkers: number
  /** CPUs that one call of ipi, or one flush of flush, goes to. */
  readonly targets: number
}

export const DEFAULT_KNOBS: Knobs = {
  threads: 0,
  processes: 0,
  pages: 1,
  think: 0,
  idle: 0,
  lru: false,
  batch: 1,
  cluster: 32,
  reclaimed: 0.2,
  byPage: false,
  lazyMask: false,
  lazyCheck: 'none',
  sharedLines: 0,
  concurrent: false,
  ceiling: 33,
  invlpgbThreshold: 4,
  mmapLock: 'write',
  walkers: 0.5,
  targets: 1,
}

/** Knobs of the guest, whatever it runs. */
export const GUEST_KNOBS: readonly (keyof Knobs)[] = [
  'concurrent',
  'ceiling',
  'invlpgbThreshold',
  'lazyCheck',
]

/** Pages that the loop of a benchmark comes back to: code, stack, data, what it maps (assumption). */
export const LOOP_PAGES = 16

export interface Workload {
  readonly name: string
  readonly title: string
  /** What one loop is: `munmap`, `record`. */
  readonly unit: string
  /** Milliseconds that are simulated, and how many before that are not counted. */
  readonly milliseconds: number
  readonly warmup: number
  readonly defaults: Partial<Knobs>
  /** Pages that its user code comes back to, where these are fewer than a program's. */
  readonly workingSet?: number
  /** Knobs that it takes notice of, beside those of the guest itself ({@link GUEST_KNOBS}). */
  readonly uses: readonly (keyof Knobs)[]
  readonly spaces: 'shared' | 'per-cpu' | ((knobs: Knobs) => 'shared' | 'per-cpu')
  /** Threads that do what is counted, of all. */
  threads(knobs: Knobs, vcpus: number): number
  /** CPUs in the mask that run no thread (lazy, or gone). */
  mask?(knobs: Knobs, vcpus: number): readonly number[]
  main(vm: Vm, cpu: Cpu, thread: number): Task<void>
}
