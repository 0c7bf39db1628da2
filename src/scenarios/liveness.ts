/**
 * Who waits for whom: controls for deadlock and livelock. No TLB deadlock of that kind is on record; these show that one would be
 * seen. Each comes with what makes it live.
 *
 *   CPU0                                CPU1
 *                                       cli
 *   smp_call_function_many()            while (!flag) cpu_relax()
 *     wait for acknowledgements           ...
 *   flag = 1                            sti
 */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import { choose } from '../core/task.ts'
import { tlbRemoveTableSyncOne } from '../kernel/free/ipi-sync.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { localIrqRestore, localIrqSave } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
import { spinUntil } from '../machine/spin.ts'
import { spinLock, spinUnlock, store, type Variable } from '../machine/variables.ts'
import { buildGuest } from './guest.ts'
import { type ScenarioOptions, scenario } from './scenario.ts'

/** Sends an empty IPI to everybody, and waits for the acknowledgements. */
function* callTheOthers(kernel: Kernel, cpu: Cpu): Task<void> {
  yield* tlbRemoveTableSyncOne(kernel, cpu, 'call_the_others')
}

/** The same with interrupts off, which smp_call_function_many() forbids. */
function* callWithInterruptsOff(kernel: Kernel, cpu: Cpu): Task<void> {
  const flags = yield* localIrqSave(cpu, 'call_with_interrupts_off')
  yield* callTheOthers(kernel, cpu)
  yield* localIrqRestore(cpu, flags)
}

function mutualCalls(options: ScenarioOptions, interrupts: 'on' | 'off'): Program {
  const { machine, kernel } = buildGuest({ ...options, cpus: 2, flush: 'native', free: 'immediate' })
  const body = interrupts === 'on' ? callTheOthers : callWithInterruptsOff
  for (const cpu of machine.cpus) machine.run(cpu, frame(body, kernel, cpu))
  return machine.program()
}

export const mutualIpiIrqsOff = scenario({
  name: 'mutual-ipi-irqs-off',
  title: 'two CPUs with interrupts off call each other by IPI and wait',
  about:
    'Neither can take the interrupt that the other one waits for. What the WARN_ON in smp_call_function_many() is for.',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'unsafe', property: 'progress' }),
  build: (options) => mutualCalls(options, 'off'),
})

export const mutualIpiIrqsOn = scenario({
  name: 'mutual-ipi-irqs-on',
  title: 'the same with interrupts on: each serves the other one while it waits',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'safe' }),
  build: (options) => mutualCalls(options, 'on'),
})

/** Calls the others, and only then sets the flag that one of them waits for. */
function* callThenSet(kernel: Kernel, cpu: Cpu, flag: Variable<number>): Task<void> {
  yield* callTheOthers(kernel, cpu)
  yield* store(flag, 1)
}

function* waitIrqsOff(cpu: Cpu, flag: Variable<number>): Task<void> {
  const flags = yield* localIrqSave(cpu, 'wait_irqs_off')
  yield* spinUntil(flag, 1)
  yield* localIrqRestore(cpu, flags)
}

function* waitIrqsOn(flag: Variable<number>): Task<void> {
  yield* spinUntil(flag, 1)
}

function callAndSpin(options: ScenarioOptions, interrupts: 'on' | 'off'): Program {
  const { machine, kernel } = buildGuest({ ...options, cpus: 2, flush: 'native', free: 'immediate' })
  const [caller, waiter] = machine.cpus as [Cpu, Cpu]
  const flag = machine.variable('flag')
  machine.run(caller, frame(callThenSet, kernel, caller, flag))
  machine.run(waiter, interrupts === 'off' ? frame(waitIrqsOff, waiter, flag) : frame(waitIrqsOn, flag))
  return machine.program()
}

export const spinIrqsOff = scenario({
  name: 'spin-irqs-off',
  title: 'a CPU spins with interrupts off for a flag that is set once all have taken an IPI',
  about: 'The IPI is never acknowledged: the caller waits for ever, while the other CPU goes round.',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'unsafe', property: 'progress' }),
  build: (options) => callAndSpin(options, 'off'),
})

export const spinIrqsOn = scenario({
  name: 'spin-irqs-on',
  title: 'the same with interrupts on: the IPI is taken between two looks at the flag',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'safe' }),
  build: (options) => callAndSpin(options, 'on'),
})

function* wake(flag: Variable<number>, ready: Variable<number>, how: 'blindly' | 'when-ready'): Task<void> {
  if (how === 'when-ready') yield* spinUntil(ready, 1)
  yield* store(flag, 1)
}

/** Clears its flag, says that it has, and waits. */
function* clearAndWait(flag: Variable<number>, ready: Variable<number>): Task<void> {
  yield* store(flag, 0)
  yield* store(ready, 1)
  yield* spinUntil(flag, 1)
}

function wakeUp(options: ScenarioOptions, how: 'blindly' | 'when-ready'): Program {
  const { machine } = buildGuest({ ...options, cpus: 2, flush: 'native', free: 'immediate' })
  const [waker, waiter] = machine.cpus as [Cpu, Cpu]
  const flag = machine.variable('flag')
  const ready = machine.variable('ready')
  machine.run(waker, frame(wake, flag, ready, how))
  machine.run(waiter, frame(clearAndWait, flag, ready))
  return machine.program()
}

export const lostWakeUp = scenario({
  name: 'lost-wake-up',
  title: 'a CPU clears the flag that it then spins on, and may clear what has been set already',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'unsafe', property: 'progress' }),
  build: (options) => wakeUp(options, 'blindly'),
})

export const wakeUpWhenReady = scenario({
  name: 'wake-up-when-ready',
  title: 'the same where the flag is set once the CPU has said that it waits',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'safe' }),
  build: (options) => wakeUp(options, 'when-ready'),
})

/** A kernel thread: some work under a lock, which may fail, and then it waits to be stopped. */
function* kthread(lock: Variable<number>, stop: Variable<number>, onError: 'keep' | 'unlock'): Task<void> {
  yield* spinLock(lock, 'kthread')
  const failed = (yield* choose(['the work succeeds', 'the work fails'])) === 1
  if (!failed || onError === 'unlock') yield* spinUnlock(lock, 'kthread')
  yield* spinUntil(stop, 1)
}

function* kthreadStop(lock: Variable<number>, stop: Variable<number>): Task<void> {
  yield* spinLock(lock, 'kthread_stop')
  yield* spinUnlock(lock, 'kthread_stop')
  yield* store(stop, 1)
}

function stopThread(options: ScenarioOptions, onError: 'keep' | 'unlock'): Program {
  const { machine } = buildGuest({ ...options, cpus: 2, flush: 'native', free: 'immediate' })
  const [worker, stopper] = machine.cpus as [Cpu, Cpu]
  const lock = machine.variable('lock')
  const stop = machine.variable('should_stop')
  machine.run(worker, frame(kthread, lock, stop, onError))
  machine.run(stopper, frame(kthreadStop, lock, stop))
  return machine.program()
}

export const lockKept = scenario({
  name: 'lock-kept',
  title: 'an error path keeps a lock: whoever wants it waits for ever, while its holder goes round',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'unsafe', property: 'progress' }),
  build: (options) => stopThread(options, 'keep'),
})

export const lockReleased = scenario({
  name: 'lock-released',
  title: 'the same where every path releases it',
  uses: ['memoryModel', 'levels'],
  liveness: true,
  expected: () => ({ verdict: 'safe' }),
  build: (options) => stopThread(options, 'unlock'),
})
