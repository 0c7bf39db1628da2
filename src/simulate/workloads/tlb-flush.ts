/**
 * `tlb-flush`: will-it-scale's tlb_flush2. Each thread writes a page, gives it back by madvise, and reads it: one flush of one
 * page on all CPUs of the process, and two faults.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { setLazy } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import { contended, now, spend } from '../operations.ts'
import { madviseDontNeed } from './ebizzy.ts'
import { fault, stage, think } from './memory-operations.ts'
import type { Vm } from './vm.ts'
import { LOOP_PAGES, type Workload } from './workload.ts'

/** Lines that draining the LRU batches touches under the lock (calibrated: VS-06, 527 thousand loops a second). */
const LRU_LINES = 11
/** Nanoseconds of work under it. */
const LRU_WORK = 150

function* loop(vm: Vm, cpu: Cpu, thread: number): Task<void> {
  const { costs, knobs } = vm
  yield* contended(vm.vmaLock, 2)
  yield* spend(costs.fault + costs.alloc, 'faults')
  const from = yield* now()
  if (knobs.lru) yield* call(stage, cpu, vm.lruLock, LRU_WORK + LRU_LINES * costs.lineAcross, 'lru_add_drain')
  yield* madviseDontNeed(vm, cpu, thread, knobs.pages)
  vm.operationLatency.add((yield* now()) - from)
  yield* contended(vm.vmaLock, 2)
  yield* fault(vm, vm.mappings[thread]!)
}

/** Sleeps: the CPU goes idle and keeps the mm, lazily. */
function* sleep(vm: Vm, cpu: Cpu, nanoseconds: number): Task<void> {
  const until = (yield* now()) + nanoseconds
  yield* setLazy(vm.kernel, cpu, 1)
  yield* spend(until - (yield* now()), 'idle')
  yield* setLazy(vm.kernel, cpu, 0)
}

export const tlbFlush: Workload = {
  name: 'tlb-flush',
  title: "will-it-scale's tlb_flush2: a page is written, given back, read",
  unit: 'loop',
  milliseconds: 10,
  warmup: 1,
  defaults: { pages: 1 },
  workingSet: LOOP_PAGES,
  uses: ['threads', 'pages', 'think', 'idle', 'lru', 'lazyMask', 'sharedLines'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  mask: (knobs, vcpus) =>
    Array.from({ length: knobs.lazyMask ? vcpus : Math.min(vcpus, knobs.threads || vcpus) }, (_, cpu) => cpu),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    yield* spend(vm.random.next() * 2e4, 'user')
    for (;;) {
      if (vm.knobs.think > 0) yield* think(vm, cpu, vm.knobs.think)
      if (vm.knobs.sharedLines > 0) yield* contended(vm.fileLock, vm.knobs.sharedLines)
      yield* call(loop, vm, cpu, thread)
      vm.done[thread]!++
      if (vm.knobs.idle > 0) {
        const busy = 20_000
        yield* sleep(vm, cpu, vm.random.exponential((busy * vm.knobs.idle) / (1 - vm.knobs.idle)))
      }
    }
  },
}
