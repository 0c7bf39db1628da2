/**
 * `ipi`: calls an empty function on other CPUs and waits, as the kernel's IPI microbenchmark does. CPU 0 sends, the others
 * spin in user mode, or sleep (`--idle`).
 */
import { UsageError } from '../../core/errors.ts'
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { smpCallFunctionMany } from '../../kernel/smp.ts'
import { smpFunction } from '../../kernel/smp-function.ts'
import type { Cpu } from '../../machine/machine.ts'
import { halt, now, spend } from '../operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

const nothing = smpFunction(function* nothing() {})

export const ipi: Workload = {
  name: 'ipi',
  title: 'an empty function called on other CPUs',
  unit: 'call',
  milliseconds: 5,
  warmup: 0.5,
  defaults: { targets: 1 },
  uses: ['targets', 'idle'],
  spaces: 'shared',
  threads: ({ targets }, vcpus) => {
    if (targets > 0) return vcpus
    throw new UsageError('--targets 0: a call of ipi goes to another CPU at least')
  },
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    if (thread > 0) {
      for (;;) {
        if (vm.knobs.idle > 0) yield* halt()
        else yield* spend(1e5, 'user')
      }
    }
    const mask = (1n << BigInt(Math.min(vm.knobs.targets, vm.machine.cpus.length - 1) + 1)) - 2n
    for (;;) {
      yield* spend(vm.random.near(1000, 0.5), 'user')
      const from = yield* now()
      yield* call(smpCallFunctionMany, vm.kernel.smp, cpu, mask, nothing, null, 'ipi')
      vm.operationLatency.add((yield* now()) - from)
      vm.done[0]!++
    }
  },
}
