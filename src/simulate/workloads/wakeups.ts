/**
 * `wakeups`: what hackbench does to interrupts. Threads work on a message and wake another one by a reschedule IPI, without a
 * wait for it: the sender pays for sending, the target for being interrupted.
 */
import type { Task } from '../../core/operation.ts'
import { sendIpi } from '../../machine/interrupts.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpuBit } from '../../machine/masks.ts'
import { now, spend } from '../operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

/** Microseconds of work for each message that wakes somebody (calibrated: hackbench on 8 vCPUs with IPI virtualisation, 0.812 of the time). */
const WORK = 2

export const wakeups: Workload = {
  name: 'wakeups',
  title: 'threads that wake others by reschedule IPIs, as hackbench does',
  unit: 'message',
  milliseconds: 5,
  warmup: 0.5,
  defaults: { think: WORK },
  uses: ['threads', 'think'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  *main(vm: Vm, _cpu: Cpu, thread: number): Task<void> {
    const others = vm.done.length - 1
    for (;;) {
      yield* spend(vm.random.near(vm.knobs.think * 1000, 0.5), 'user')
      const from = yield* now()
      if (others > 0) {
        const target = (thread + 1 + vm.random.below(others)) % vm.done.length
        yield* sendIpi(vm.kernel.smp.vector, cpuBit(target), 'resched_curr')
      }
      vm.operationLatency.add((yield* now()) - from)
      vm.done[thread]!++
    }
  },
}
