/** Who waits for whom: controls for deadlock. No TLB deadlock of that kind is on record; these show that one would be seen. */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import { tlbRemoveTableSyncOne } from '../kernel/free/ipi-sync.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { localIrqRestore, localIrqSave } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
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
  expected: () => ({ verdict: 'unsafe', property: 'progress' }),
  build: (options) => mutualCalls(options, 'off'),
})

export const mutualIpiIrqsOn = scenario({
  name: 'mutual-ipi-irqs-on',
  title: 'the same with interrupts on: each serves the other one while it waits',
  uses: ['memoryModel', 'levels'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => mutualCalls(options, 'on'),
})
