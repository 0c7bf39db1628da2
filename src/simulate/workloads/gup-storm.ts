/** `gup-storm`: walkers against unmappers, the microbenchmark that the thread promised ("I'll think of a microbenchmark"). */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { gupFast } from '../../kernel/gup.ts'
import { putPage } from '../../machine/frames.ts'
import type { Cpu } from '../../machine/machine.ts'
import { now, spend } from '../operations.ts'
import { think } from './memory-operations.ts'
import { mapTouchUnmap } from './munmap-storm.ts'
import type { Vm } from './vm.ts'
import { LOOP_PAGES, type Workload } from './workload.ts'

/** Walkers come last; they walk the unmappers' addresses. */
function walkersOf(vm: Vm): number {
  return Math.min(vm.done.length - 1, Math.max(1, Math.round(vm.done.length * vm.knobs.walkers)))
}

function* walkOnce(vm: Vm, cpu: Cpu, victim: number): Task<void> {
  const mapping = vm.mappings[victim]!
  yield* spend(vm.costs.syscall, 'kernel')
  const from = yield* now()
  const page = yield* call(gupFast, cpu, mapping.mm, mapping.va, 'pte')
  const took = (yield* now()) - from
  vm.operationLatency.add(took)
  vm.events.add('walk', took)
  if (page !== null) yield* putPage(vm.machine, page)
}

export const gupStorm: Workload = {
  name: 'gup-storm',
  title: 'get_user_pages_fast against munmap',
  unit: 'operation',
  milliseconds: 20,
  warmup: 2,
  defaults: { pages: 1, think: 5, walkers: 0.5 },
  workingSet: LOOP_PAGES,
  uses: ['threads', 'pages', 'think', 'mmapLock', 'walkers'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.max(2, Math.min(vcpus, knobs.threads || vcpus)),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    const unmappers = vm.done.length - walkersOf(vm)
    for (;;) {
      yield* think(vm, cpu, vm.knobs.think)
      if (thread < unmappers) yield* call(mapTouchUnmap, vm, cpu, thread)
      else yield* call(walkOnce, vm, cpu, vm.random.below(unmappers))
      vm.done[thread]!++
    }
  },
}
