/**
 * `flush`: CPU 0 flushes the whole address space, or so many pages, on itself and on so many other CPUs by its backend; they spin in
 * user mode, or sleep.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import { halt, now, spend } from '../operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

export const flush: Workload = {
  name: 'flush',
  title: 'the whole address space, or some pages, flushed on other CPUs',
  unit: 'flush',
  milliseconds: 5,
  warmup: 0.5,
  // 0 pages are everything.
  defaults: { targets: 3, pages: 0, think: 1 },
  uses: ['targets', 'pages', 'idle', 'think'],
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
    const { pages, think } = vm.knobs
    const { va } = vm.mappings[0]!
    const [start, end] = pages > 0 ? [va, va + BigInt(pages) * PAGE_SIZE] : [0n, TLB_FLUSH_ALL]
    for (;;) {
      yield* spend(vm.random.near(think * 1000, 0.5), 'user')
      const from = yield* now()
      yield* call(flushTlbMmRange, vm.kernel, cpu, vm.mms[0]!, start, end, false)
      vm.operationLatency.add((yield* now()) - from)
      vm.done[0]!++
    }
  },
}
