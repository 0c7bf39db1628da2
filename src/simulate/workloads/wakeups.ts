/**
 * `wakeups`: what hackbench does to interrupts. Threads work on a message and wake another one by a reschedule IPI, without a
 * wait for it: the sender pays for sending, the target for being interrupted.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { sendIpi } from '../../machine/interrupts.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpuBit } from '../../machine/masks.ts'
import { now, spend } from '../operations.ts'
import { coresOf, placeOf } from '../topology.ts'
import { switchProcess } from './process-masks.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

/** Microseconds of work for each message that wakes somebody (calibrated: hackbench on 8 vCPUs with IPI virtualisation, 0.812 of the time). */
const WORK = 2

/** Processes that a CPU switches between: who is woken stays near its last-level cache (`select_idle_sibling()`). */
function nearProcesses({ host, knobs }: Vm, cpu: Cpu): number[] {
  const caches = placeOf(host, coresOf(host) - 1).cache + 1
  const own = placeOf(host, cpu.id % host.pcpus).cache
  return Array.from({ length: knobs.processes }, (_, p) => p).filter((p) => p % caches === own)
}

export const wakeups: Workload = {
  name: 'wakeups',
  title: 'threads that wake others by reschedule IPIs, as hackbench does',
  unit: 'message',
  milliseconds: 5,
  warmup: 0.5,
  defaults: { think: WORK },
  uses: ['threads', 'think', 'processes', 'lazyMask'],
  spaces: 'shared',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    const others = vm.done.length - 1
    const near = nearProcesses(vm, cpu)
    for (;;) {
      if (near.length > 0) {
        const next = near[vm.random.below(near.length)]!
        yield* call(switchProcess, vm.processMasks, cpu.id, next, vm.knobs.lazyMask)
      }
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
