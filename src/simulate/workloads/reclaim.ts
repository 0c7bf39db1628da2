/**
 * `reclaim`: threads read mapped files that do not fit, and reclaim pages as they do. A reclaimer takes a cluster of pages off the LRU
 * list of its node; those that have been used lately are put back, the others are unmapped, flushed on the CPUs that run the
 * processes that map them, at once or together (72b252aed506), and freed. Freeing ends a batch.
 */
import { UsageError } from '../../core/errors.ts'
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import type { Variable } from '../../machine/variables.ts'
import type { HostDescription } from '../host.ts'
import { now, spend } from '../operations.ts'
import { stage } from './memory-operations.ts'
import type { Vm } from './vm.ts'
import { LOOP_PAGES, type Workload } from './workload.ts'

/** Pages that go onto the list together (a pagevec). */
const ADDED = 14
/** Processes that map each file (vm-scalability starts two for each). */
const MAPPED_BY = 2
/** Nanoseconds of a page that is read: what the thread does with it (calibrated: VS-10, a fifth of the time is not in the kernel); its place in the page cache, with its block (assumption). */
const USE = 7000
const FILL = 2500
/** Nanoseconds of a page that is looked at: the reverse map to each PTE; and of one that goes: PTEs, page cache (assumption). */
const LOOK = 600
const UNMAP = 1500
/** Nanoseconds that a page takes on the LRU lists, under the lock of its node (calibrated: VS-10, system time). */
const LRU_PAGE = 150

/** Processes whose pages a cluster has: neighbours on the list were read by the same one. */
function victims(vm: Vm, thread: number): number[] {
  const readers = vm.done.length
  const first = vm.random.below(readers)
  if (vm.mms.length === 1) return [0]
  return Array.from({ length: MAPPED_BY }, (_, i) => (first + i) % readers).filter((mm) => mm !== thread)
}

function* flush(vm: Vm, cpu: Cpu, mms: readonly number[], pages: number): Task<void> {
  const { va } = vm.mappings[cpu.id]!
  const whole = pages > 1 && !vm.knobs.byPage
  const end = whole ? TLB_FLUSH_ALL : va + BigInt(pages) * PAGE_SIZE
  const from = yield* now()
  for (const mm of mms) yield* call(flushTlbMmRange, vm.kernel, cpu, vm.mms[mm]!, whole ? 0n : va, end, false)
  vm.operationLatency.add((yield* now()) - from)
}

/** `shrink_list()` of one cluster: gives how many pages it has freed. */
function* reclaimCluster(vm: Vm, cpu: Cpu, thread: number, lruLock: Variable<number>): Task<number> {
  const { costs, knobs } = vm
  const { cluster } = knobs
  yield* call(stage, cpu, lruLock, cluster * LRU_PAGE, 'isolate_lru_pages')
  const gone = Math.max(1, Math.round(cluster * knobs.reclaimed))
  const mms = victims(vm, thread)
  for (let unmapped = 0; unmapped < gone; ) {
    const together = Math.min(knobs.batch, gone - unmapped)
    yield* spend((together * cluster * LOOK) / gone + together * UNMAP, 'kernel')
    yield* call(flush, vm, cpu, mms, together)
    unmapped += together
  }
  yield* spend(gone * costs.free, 'kernel')
  yield* call(stage, cpu, lruLock, (cluster - gone) * LRU_PAGE, 'putback_inactive_pages')
  return gone
}

/** The node of a thread: that of its core, where vCPUs are spread as pCPUs are. */
function nodeOf({ vcpus, smt, sockets }: HostDescription, thread: number): number {
  const cores = Math.ceil(vcpus / smt)
  return Math.floor(((thread % cores) * sockets) / cores)
}

export const reclaim: Workload = {
  name: 'reclaim',
  title: 'readers of mapped files that reclaim pages of each other',
  unit: 'page',
  milliseconds: 40,
  warmup: 4,
  // Each page of the file is read once: readers come back to what their loop needs.
  workingSet: LOOP_PAGES,
  defaults: { batch: 1 },
  uses: ['threads', 'processes', 'batch', 'cluster', 'reclaimed', 'byPage', 'lazyMask'],
  spaces: ({ processes, lazyMask }) => {
    if (lazyMask && processes !== 1)
      throw new UsageError(
        '--lazy-mask on: reclaim has it for the threads of one process (--processes 1) only',
      )
    return processes === 1 ? 'shared' : 'per-cpu'
  },
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  mask: (knobs, vcpus) =>
    Array.from({ length: knobs.lazyMask ? vcpus : Math.min(vcpus, knobs.threads || vcpus) }, (_, cpu) => cpu),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    const { costs, host } = vm
    const lruLock = vm.nodeLocks[nodeOf(host, thread)]!
    yield* spend(vm.random.next() * USE * ADDED, 'user')
    for (let free = 0; ; ) {
      for (let left = free; left > 0; left -= ADDED) {
        const some = Math.min(left, ADDED)
        yield* spend(some * (costs.fault + costs.alloc + FILL), 'faults')
        yield* call(stage, cpu, lruLock, some * LRU_PAGE, 'pagevec_lru_add')
        yield* spend(vm.random.near(some * USE, 0.5), 'user')
      }
      vm.done[thread]! += free
      free = yield* call(reclaimCluster, vm, cpu, thread, lruLock)
    }
  },
}
