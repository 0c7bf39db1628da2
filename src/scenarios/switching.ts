/** Who gets flushed while CPUs switch address spaces and go idle: the races of switch_mm and of lazy TLB mode. */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import { call } from '../core/task.ts'
import type { TargetRule } from '../kernel/flush-rules.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { munmap } from '../kernel/munmap.ts'
import { smpCallFunctionMany } from '../kernel/smp.ts'
import { smpFunction } from '../kernel/smp-function.ts'
import { enterLazyTlb, type SwitchRules, type SwitchState, switchMm } from '../kernel/switch-mm.ts'
import { NONE } from '../machine/entries.ts'
import { putPage } from '../machine/frames.ts'
import type { Cpu } from '../machine/machine.ts'
import { loadMask } from '../machine/masks.ts'
import { returnToUser } from '../machine/modes.ts'
import { slot, writeEntry } from '../machine/paging.ts'
import { reloadCr3 } from '../machine/tlb.ts'
import { smpMb } from '../machine/variables.ts'
import { V } from './guest.ts'
import { buildModernGuest, MODERN_BACKENDS, type ModernGuest } from './modern-guest.ts'
import { awayAndBack, unmapPage } from './modern-runs.ts'
import { type ScenarioOptions, scenario } from './scenario.ts'

/** The thread's backends are older than what these scenarios are about. */
function isModern(flush: string): boolean {
  return (MODERN_BACKENDS as readonly string[]).includes(flush)
}

const SAFE = { verdict: 'safe' } as const
const STALE = { verdict: 'unsafe', property: 'translation coherence' } as const

const flushTlbFunc2015 = smpFunction(function* flushTlbFunc2015(cpu: Cpu): Task<void> {
  yield* reloadCr3(cpu, 'flush_tlb_func')
})

/**
 * A flush as it was before there were generations: a plain store to the PTE, a look at the mask, IPIs.
 *
 *   CPU0  flush                             CPU1  switch_mm(mm)
 *     PTE[v] = none                           set CPU1 in mask
 *     (smp_mb)                                CR3 = mm
 *     read mask: {}                           user: v -> X by the old PTE
 *     free X
 */
function* flush2015(guest: ModernGuest, cpu: Cpu, barrier: 'missing' | 'smp_mb'): Task<void> {
  const { machine, kernel, mm, page } = guest
  yield* writeEntry(slot(machine, machine.frame('T'), 1, V), NONE)
  if (barrier === 'smp_mb') yield* smpMb('flush_tlb_mm_range')
  const mask = yield* loadMask(mm.cpumask, 'mm_cpumask')
  yield* call(smpCallFunctionMany, kernel.smp, cpu, mask, flushTlbFunc2015, null, 'flush_tlb_mm_range')
  yield* putPage(machine, page)
}

function* enterMm(kernel: Kernel, state: SwitchState, cpu: Cpu, mm: Mm): Task<void> {
  yield* switchMm(kernel, state, cpu, mm)
  yield* returnToUser(cpu)
}

function switchUnderFlush(
  options: ScenarioOptions,
  barrier: 'missing' | 'smp_mb',
  switching: Partial<SwitchRules>,
): Program {
  const guest = buildModernGuest({ ...bare(options), loaded: [], switching })
  const { machine, kernel, mm } = guest
  const [cpu0, cpu1] = machine.cpus as [Cpu, Cpu]
  machine.run(cpu0, frame(flush2015, guest, cpu0, barrier))
  machine.run(cpu1, frame(enterMm, kernel, guest.switching, cpu1, mm))
  return machine.program()
}

function bare(options: ScenarioOptions) {
  return { ...options, cpus: 2, flush: 'native', free: 'immediate' }
}

export const switchMmNoBarrier = scenario({
  name: 'switch-mm-no-barrier',
  title: 'a flusher looks at the mask before its store to the PTE is visible, while a CPU switches to the mm',
  about:
    'CVE-2016-2069, before 71b3c126e611 (January 2016). Only with store buffers: under sequential consistency it is safe.',
  uses: ['memoryModel', 'levels'],
  expected: ({ memoryModel }) => (memoryModel === 'sc' ? SAFE : STALE),
  build: (options) => switchUnderFlush(options, 'missing', {}),
})

export const switchMmBarrier = scenario({
  name: 'switch-mm-barrier',
  title: 'the same with a full barrier between the store and the look at the mask',
  about: 'On the other side the locked operation on the mask, and CR3, are the barrier.',
  uses: ['memoryModel', 'levels'],
  expected: () => SAFE,
  build: (options) => switchUnderFlush(options, 'smp_mb', {}),
})

export const switchMmLateBit = scenario({
  name: 'switch-mm-late-bit',
  title: 'the mask bit is set after CR3 is loaded',
  about: 'Unsafe even under sequential consistency. A mutant, never upstream.',
  uses: ['memoryModel', 'levels'],
  expected: () => STALE,
  build: (options) => switchUnderFlush(options, 'smp_mb', { nextBit: 'set-after-cr3' }),
})

/** Masks that keep the bits of CPUs that have left, and flushes that look at loaded_mm (6.14). */
function keptBits(options: ScenarioOptions, targets: TargetRule, nextBit: SwitchRules['nextBit']): Program {
  const guest = buildModernGuest({
    ...bare(options),
    pcids: 2,
    targets,
    switching: { previousBit: 'kept', nextBit, loadedMm: 'switching' },
  })
  const { machine, kernel, mm, switching } = guest
  const [cpu0, cpu1] = machine.cpus as [Cpu, Cpu]
  machine.run(cpu0, frame(unmapPage, kernel, cpu0, mm))
  machine.run(cpu1, frame(awayAndBack, kernel, switching, cpu1, mm))
  return machine.program()
}

export const shouldFlushWindow = scenario({
  name: 'should-flush-window',
  title: 'a CPU that is switching to the mm has it neither loaded nor left, and gets no IPI',
  about: '6db2526c1d69 (December 2024): it has read the old generation, and keeps what its ASID holds.',
  uses: ['memoryModel', 'levels'],
  expected: () => STALE,
  build: (options) => keptBits(options, 'loaded', 'set-if-clear-or-barrier'),
})

export const shouldFlushFixed = scenario({
  name: 'should-flush',
  title: 'the same where LOADED_MM_SWITCHING counts as "may hold entries"',
  about: 'fea4e317f9e7 (May 2025).',
  uses: ['memoryModel', 'levels'],
  expected: () => SAFE,
  build: (options) => keptBits(options, 'loaded-or-switching', 'set-if-clear-or-barrier'),
})

export const keptBitNoBarrier = scenario({
  name: 'switch-mm-kept-bit',
  title:
    'a CPU whose mask bit is still set switches to the mm without a locked operation, and so without a barrier',
  about:
    'The race of 2016 again, in the code of 2024: loaded_mm is in the store buffer while the generation is read. Only with store buffers.',
  uses: ['memoryModel', 'levels'],
  expected: ({ memoryModel }) => (memoryModel === 'sc' ? SAFE : STALE),
  build: (options) => keptBits(options, 'loaded-or-switching', 'set-if-clear'),
})

/** A CPU that idles in the mm, and then runs it on. */
function* idle(kernel: Kernel, state: SwitchState, cpu: Cpu, mm: Mm): Task<void> {
  yield* enterLazyTlb(kernel, cpu)
  yield* switchMm(kernel, state, cpu, mm)
  yield* returnToUser(cpu)
}

function underIdle(
  options: ScenarioOptions,
  unmap: (kernel: Kernel, cpu: Cpu, mm: Mm) => Task<void>,
  freedTables?: 'ignored',
): Program {
  const guest = buildModernGuest({
    ...options,
    cpus: 3,
    loaded: [0, 1],
    free: 'immediate',
    ...(freedTables && { freedTables }),
  })
  const { machine, kernel, mm, switching } = guest
  const [cpu0, cpu1] = machine.cpus as [Cpu, Cpu]
  machine.run(cpu0, frame(unmap, kernel, cpu0, mm))
  machine.run(cpu1, frame(idle, kernel, switching, cpu1, mm))
  return machine.program()
}

function* unmapWithTable(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  yield* munmap(kernel, cpu, mm, V)
}

export const lazyFreedTables = scenario({
  name: 'lazy-freed-tables',
  title: 'a lazy CPU is left out of a flush that frees a page table',
  about:
    'The lesson of b956575bed91 (October 2017): a lazy CPU uses no user translation, but it walks into the freed table speculatively by a cached upper-level entry.',
  uses: ['memoryModel', 'levels', 'flush', 'profile'],
  expected: ({ flush }) =>
    isModern(flush) ? { verdict: 'unsafe', property: 'hardware-walk lifetime' } : undefined,
  build: (options) => underIdle(options, unmapWithTable, 'ignored'),
})

export const lazyFreedTablesFixed = scenario({
  name: 'lazy-freed-tables-fixed',
  title: 'the same where a flush that frees tables asks lazy CPUs too, and they leave the mm',
  uses: ['memoryModel', 'levels', 'flush', 'profile'],
  expected: ({ flush }) => (isModern(flush) ? SAFE : undefined),
  build: (options) => underIdle(options, unmapWithTable),
})

export const lazyPages = scenario({
  name: 'lazy-pages',
  title: 'a lazy CPU is left out of a flush of pages, and compares generations when it runs the mm again',
  about:
    'Since 2018, and on Hyper-V since later (not in 6.1, in 6.12). The barrier after is_lazy is what makes it safe.',
  uses: ['memoryModel', 'levels', 'flush', 'profile'],
  expected: ({ flush }) => (isModern(flush) ? SAFE : undefined),
  build: (options) => underIdle(options, unmapPage),
})
