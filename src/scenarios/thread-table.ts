/**
 * The thread's question as one scenario: one CPU unmaps a page and frees its table while the others walk. Flush backend,
 * freeing policy and walker are options, so that the scenario is a table.
 */

import type { Task } from '../core/operation.ts'
import type { Program } from '../core/program.ts'
import { frame } from '../core/program.ts'
import type { GupRecheck } from '../kernel/gup.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { munmap } from '../kernel/munmap.ts'
import { gupFastOnly, nmiWalk, rcuWalkSyscall, xenSpuriousFault } from '../kernel/walkers.ts'
import { declareNmi } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
import { returnToUser } from '../machine/modes.ts'
import { buildAnyGuest } from './any-guest.ts'
import { type Guest, V } from './guest.ts'
import { type Expectation, type ScenarioOptions, scenario } from './scenario.ts'

/** Software walkers by name. */
export const WALKERS = ['gup-fast', 'rcu', 'nmi', 'xen-spurious'] as const

const RECHECK: GupRecheck = 'pte'

/** What CPU0 runs: unmap the page, free what it hung on. */
export function* unmapper(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  yield* munmap(kernel, cpu, mm, V)
}

function* userMode(cpu: Cpu): Task<void> {
  yield* returnToUser(cpu)
}

/** Gives every CPU but CPU0 the walker. */
export function addWalkers(guest: Guest, walker: string): void {
  const { machine, mm, host } = guest
  const walkers = machine.cpus.slice(1)
  switch (walker) {
    case 'gup-fast':
      for (const cpu of walkers) machine.run(cpu, frame(gupFastOnly, cpu, mm, V, RECHECK))
      break
    case 'rcu':
      for (const cpu of walkers) machine.run(cpu, frame(rcuWalkSyscall, cpu, mm, V))
      break
    case 'nmi':
      for (const cpu of walkers) machine.run(cpu, frame(userMode, cpu))
      declareNmi(
        machine,
        function* perfCallchainUser(cpu: Cpu): Task<void> {
          yield* nmiWalk(cpu, mm, V)
        },
        1,
        walkers,
      )
      break
    case 'xen-spurious':
      for (const cpu of walkers) machine.run(cpu, frame(xenSpuriousFault, cpu, host, mm, V))
      break
    default:
      throw new RangeError(`no walker is called ${walker}`)
  }
}

function build(options: ScenarioOptions): Program {
  // Preemption is what KVM's backend is about; for Xen's deferred flushes see gross-promise.
  const guest = buildAnyGuest({
    ...options,
    preempted: options.flush === 'kvm' ? [1] : [],
    // The walk that Xen makes itself begins with a VM exit of the walker's own.
    ...(options.walker === 'xen-spurious' ? {} : { onlyCaller: 0 }),
  })
  if (options.flush !== 'native' && options.flush !== 'kvm')
    guest.machine.bounds.push('no vCPU is switched out')
  guest.machine.run(guest.machine.cpus[0]!, frame(unmapper, guest.kernel, guest.machine.cpus[0]!, guest.mm))
  addWalkers(guest, options.walker)
  return guest.machine.program()
}

/** What the thread and the kernel's later history say of each cell. */
function expected({ flush, free, walker }: ScenarioOptions): Expectation {
  const immediate = free === 'immediate' || (free === 'boot' && flush === 'native')
  const unsafe: Expectation = { verdict: 'unsafe', property: 'page-table lifetime' }
  const safe: Expectation = { verdict: 'safe' }
  switch (walker) {
    case 'rcu':
      // Interrupts are on: an acknowledged IPI says nothing about this walker.
      return immediate || free === 'ipi-sync' ? unsafe : safe
    case 'xen-spurious':
      // The host's own walk holds off the host's own flush, and a guest IPI is taken only after it.
      return safe
    default:
      return immediate && ['hyperv', 'hyperv-now', 'xen', 'kvm'].includes(flush) ? unsafe : safe
  }
}

export const threadTable = scenario({
  name: 'thread',
  title: 'munmap frees a page table under software walkers',
  about: '2ffd9e33ce4a replaced flush IPIs by a hypercall; 9e52fc2b50de made table freeing wait for RCU.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'free', 'walker', 'profile'],
  expected,
  build,
})
