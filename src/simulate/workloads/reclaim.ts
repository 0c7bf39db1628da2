/**
 * `reclaim`: threads read a mapped file that does not fit, and reclaim pages of each other as they do: a page is unmapped, and
 * flushed on every CPU that runs the process, at once or for a batch (72b252aed506).
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import { contended, now, spend } from '../operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

/** Reading a page from the device, waiting and copying, in nanoseconds of a thread's time (assumption). */
const READ = 20_000
/** Taking a page off the LRU, unmapping it, freeing it (assumption: reclaim's own path, without flush). */
const RECLAIM = 3_000

export const reclaim: Workload = {
  name: 'reclaim',
  title: 'readers of a mapped file that reclaim pages of each other',
  unit: 'page',
  milliseconds: 40,
  warmup: 4,
  defaults: { batch: 1 },
  uses: ['threads', 'batch'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    const { costs, knobs } = vm
    const mapping = vm.mappings[thread]!
    yield* spend(vm.random.next() * READ, 'user')
    for (let pages = 0; ; pages++) {
      yield* spend(costs.fault + costs.alloc, 'faults')
      yield* contended(vm.lruLock, 2)
      yield* spend(vm.random.exponential(READ), 'user')
      yield* spend(RECLAIM, 'kernel')
      vm.done[thread]!++
      if ((pages + 1) % knobs.batch !== 0) continue
      const from = yield* now()
      const end = knobs.batch > 1 ? TLB_FLUSH_ALL : mapping.va + PAGE_SIZE
      yield* call(flushTlbMmRange, vm.kernel, cpu, mapping.mm, mapping.va, end, false)
      vm.operationLatency.add((yield* now()) - from)
    }
  },
}
