/** `munmap-storm`: threads that map, touch and unmap; the benchmark of the hypercall patch (2ffd9e33ce4a). */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { munmap } from '../../kernel/munmap.ts'
import type { Cpu } from '../../machine/machine.ts'
import { now, spend } from '../operations.ts'
import {
  fault,
  frameNames,
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
  think,
} from './memory-operations.ts'
import type { Vm } from './vm.ts'
import { LOOP_PAGES, type Workload } from './workload.ts'

/** One loop: mmap, a write to each page, munmap. */
export function* mapTouchUnmap(vm: Vm, cpu: Cpu, thread: number): Task<void> {
  const { costs, knobs, kernel } = vm
  const mapping = vm.mappings[thread]!
  const from = yield* now()
  yield* spend(costs.syscall, 'kernel')
  if (knobs.mmapLock !== 'none') yield* mmapWriteLock(vm)
  yield* frameNames(vm, mapping)
  yield* call(munmap, kernel, cpu, mapping.mm, mapping.va)
  if (knobs.pages > 1) yield* spend((knobs.pages - 1) * costs.free, 'kernel')
  if (knobs.mmapLock !== 'none') yield* mmapWriteUnlock(vm)
  const took = (yield* now()) - from
  vm.operationLatency.add(took)
  vm.events.add('munmap', took)
  yield* spend(costs.syscall, 'kernel')
  if (knobs.mmapLock !== 'none') {
    yield* mmapWriteLock(vm)
    yield* mmapWriteUnlock(vm)
    yield* mmapReadLock(vm)
  }
  yield* fault(vm, mapping)
  if (knobs.mmapLock !== 'none') yield* mmapReadUnlock(vm)
  if (knobs.pages > 1) yield* spend((knobs.pages - 1) * (costs.fault + costs.alloc), 'faults')
}

export const munmapStorm: Workload = {
  name: 'munmap-storm',
  title: 'threads that map, touch and unmap',
  unit: 'munmap',
  milliseconds: 30,
  warmup: 3,
  defaults: { pages: 3, think: 20 },
  workingSet: LOOP_PAGES,
  uses: ['threads', 'pages', 'think', 'mmapLock'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    for (;;) {
      yield* think(vm, cpu, vm.knobs.think)
      yield* call(mapTouchUnmap, vm, cpu, thread)
      vm.done[thread]!++
    }
  },
}
