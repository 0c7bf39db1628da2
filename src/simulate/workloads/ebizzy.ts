/**
 * `ebizzy -M`: each record allocates, copies and frees a chunk of 512 KiB on the heap. Freeing gives the memory back by
 * madvise(MADV_DONTNEED), so every record is 128 faults and one flush of more than 33 pages on every CPU that runs a thread.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { tlbAdjustRange, tlbFinishMmu, tlbGatherMmu } from '../../kernel/mmu-gather.ts'
import { zapPteRange } from '../../kernel/munmap.ts'
import { PAGE_SIZE } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import { contended, now, spend } from '../operations.ts'
import { fault, frameNames, mmapReadLock, mmapReadUnlock, stage } from './memory-operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

/** Pages that go onto the LRU list together (a pagevec), that come off it under one hold of its lock, and that go to or from the zone's free list. */
const LRU_ADDED = 15
const LRU_REMOVED = 32
const ZONE_BATCH = 31
/** Nanoseconds that a page takes on these lists, under their locks (assumption: links of neighbours that are in no cache). */
const LRU_PAGE = 40
const ZONE_PAGE = 30

/** Copying 512 KiB and looking a record up, in microseconds (assumption: 8 GB/s, and a binary search that misses caches). */
const COPY_AND_SEARCH = 80

/** `madvise(MADV_DONTNEED)` of a range that starts with the thread's page. */
export function* madviseDontNeed(vm: Vm, cpu: Cpu, thread: number, pages: number): Task<void> {
  const mapping = vm.mappings[thread]!
  yield* spend(vm.costs.syscall, 'kernel')
  yield* mmapReadLock(vm)
  yield* frameNames(vm, mapping)
  mapping.tables.pop()
  const tlb = tlbGatherMmu(vm.kernel, cpu, mapping.mm)
  yield* call(zapPteRange, tlb, mapping.va)
  if (pages > 1) {
    yield* spend((pages - 1) * vm.costs.free, 'kernel')
    tlbAdjustRange(tlb, mapping.va + BigInt(pages - 1) * PAGE_SIZE)
  }
  yield* call(tlbFinishMmu, tlb)
  if (pages >= LRU_REMOVED) yield* freePages(vm, cpu, pages)
  yield* mmapReadUnlock(vm)
}

/** `release_pages()`: off the LRU list, and to the zone's free list, each under its lock. */
function* freePages(vm: Vm, cpu: Cpu, pages: number): Task<void> {
  for (let left = pages; left > 0; left -= LRU_REMOVED) {
    const some = Math.min(left, LRU_REMOVED)
    yield* call(stage, cpu, vm.lruLock, some * LRU_PAGE, 'release_pages')
    yield* call(stage, cpu, vm.zoneLock, some * ZONE_PAGE, 'free_pcppages_bulk')
  }
}

function* record(vm: Vm, cpu: Cpu, thread: number): Task<void> {
  const { costs, knobs } = vm
  const mapping = vm.mappings[thread]!
  for (let left = knobs.pages - 1, taken = 0; left > 0; left -= LRU_ADDED) {
    const faults = Math.min(left, LRU_ADDED)
    if (taken <= 0) {
      yield* call(stage, cpu, vm.zoneLock, ZONE_BATCH * ZONE_PAGE, 'rmqueue_bulk')
      taken = ZONE_BATCH
    }
    taken -= faults
    // Each fault takes mmap_lock for reading, and gives it back.
    yield* contended(vm.mmapReaders, 2 * faults)
    yield* spend(faults * (costs.fault + costs.alloc), 'faults')
    yield* call(stage, cpu, vm.lruLock, faults * LRU_PAGE, 'pagevec_lru_add')
  }
  yield* fault(vm, mapping)
  yield* spend(vm.random.near(COPY_AND_SEARCH * 1000 * (knobs.pages / 128), 0.2), 'user')
  const from = yield* now()
  yield* madviseDontNeed(vm, cpu, thread, knobs.pages)
  vm.operationLatency.add((yield* now()) - from)
}

export const ebizzy: Workload = {
  name: 'ebizzy',
  title: 'ebizzy -M: 512 KiB chunks on the heap',
  unit: 'record',
  milliseconds: 60,
  warmup: 5,
  defaults: { pages: 128 },
  uses: ['threads', 'pages'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    yield* spend(vm.random.next() * 5e5, 'user')
    for (;;) {
      yield* call(record, vm, cpu, thread)
      vm.done[thread]!++
    }
  },
}
