/** `flush`: CPU 0 flushes the whole address space on so many other CPUs by its backend; they spin in user mode, or sleep. */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { flushTlbMmRange } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import { halt, now, spend } from '../operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

export const flush: Workload = {
  name: 'flush',
  title: 'the whole address space flushed on other CPUs',
  unit: 'flushe',
  milliseconds: 5,
  warmup: 0.5,
  defaults: { targets: 3 },
  uses: ['targets', 'idle'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.targets + 1),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    if (thread > 0) {
      for (;;) {
        if (vm.knobs.idle > 0) yield* halt()
        else yield* spend(1e5, 'user')
      }
    }
    yield* spend(2e5, 'user')
    for (;;) {
      yield* spend(vm.random.near(1000, 0.5), 'user')
      const from = yield* now()
      yield* call(flushTlbMmRange, vm.kernel, cpu, vm.mms[0]!, 0n, TLB_FLUSH_ALL, false)
      vm.operationLatency.add((yield* now()) - from)
      vm.done[0]!++
    }
  },
}
