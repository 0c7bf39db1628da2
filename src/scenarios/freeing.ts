/** Table freeing: the RCU batch that cannot be allocated, and THP's games with the PMD. */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import type { GupRecheck } from '../kernel/gup.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { setInitialEntry } from '../kernel/mm.ts'
import { type CollapseOptions, collapseHugePage, splitHugePmd } from '../kernel/thp.ts'
import { gupFastSyscall, gupFastUse } from '../kernel/walkers.ts'
import { type FrameRef, makeEntry, NONE } from '../machine/entries.ts'
import type { Cpu } from '../machine/machine.ts'
import { buildAnyGuest } from './any-guest.ts'
import { V } from './guest.ts'
import { type ScenarioOptions, scenario } from './scenario.ts'
import { addWalkers, unmapper } from './thread-table.ts'

function rcuBatch(options: ScenarioOptions, slowPath: 'invalidates' | 'only-ipi'): Program {
  const guest = buildAnyGuest({ ...options, free: 'rcu', rcu: { allocation: 'may-fail', slowPath } })
  const { machine, kernel, mm } = guest
  machine.run(machine.cpus[0]!, frame(unmapper, kernel, machine.cpus[0]!, mm))
  addWalkers(guest, options.walker)
  return machine.program()
}

export const rcuBatchFails = scenario({
  name: 'rcu-batch-fails',
  title: 'no memory for an RCU batch: invalidate, IPI, free',
  about:
    'The slow path since d86564a2f085. Safe for walkers with interrupts off; a walker that only holds rcu_read_lock takes the IPI in the middle of its walk, so that the slow path is no grace period for it.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'walker', 'profile'],
  expected: ({ walker }) =>
    walker === 'rcu' ? { verdict: 'unsafe', property: 'page-table lifetime' } : { verdict: 'safe' },
  build: (options) => rcuBatch(options, 'invalidates'),
})

export const rcuBatchFails2017 = scenario({
  name: 'rcu-batch-fails-2017',
  title: 'no memory for an RCU batch, as merged in 2017: IPI and free, invalidate later',
  about:
    '9e52fc2b50de took the RCU half of the cure and not the flush half: the table is freed while a CPU may still walk into it by a cached upper-level entry (found by Jann Horn in 2018).',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'walker', 'profile'],
  expected: ({ walker }) =>
    walker === 'rcu' ? { verdict: 'unsafe' } : { verdict: 'unsafe', property: 'hardware-walk lifetime' },
  build: (options) => rcuBatch(options, 'only-ipi'),
})

const HUGE = { name: 'H', owner: { use: 'data', space: 'mm' }, count: 1 } as const

function* khugepaged(kernel: Kernel, cpu: Cpu, mm: Mm, huge: FrameRef, options: CollapseOptions): Task<void> {
  yield* collapseHugePage(kernel, cpu, mm, V, huge, options)
}

function collapse(options: ScenarioOptions, how: CollapseOptions, recheck: GupRecheck): Program {
  const { machine, kernel, mm } = buildAnyGuest({
    ...options,
    free: 'immediate',
    frames: [HUGE],
    machine: { copies: true },
  })
  const huge = machine.frame('H')
  machine.run(machine.cpus[0]!, frame(khugepaged, kernel, machine.cpus[0]!, mm, huge, how))
  for (const cpu of machine.cpus.slice(1)) machine.run(cpu, frame(gupFastUse, cpu, mm, V, recheck))
  return machine.program()
}

export const collapse2017 = scenario({
  name: 'thp-collapse-2017',
  title: 'khugepaged collapses a table under gup_fast, as it was when flushes became hypercalls',
  about:
    'Two holes at once, both found in 2022: the table is freed under the walker (2ba99c5e0881), and a pin is returned on the page that is being copied (70cbc3cc78a9). With native IPIs neither exists.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  defaults: { flush: 'hyperv' },
  expected: ({ flush }) => (flush === 'native' ? { verdict: 'safe' } : { verdict: 'unsafe' }),
  build: (options) => collapse(options, { afterFlush: 'nothing', table: 'freed' }, 'pte'),
})

export const collapseSyncOnly = scenario({
  name: 'thp-collapse-pte-recheck',
  title: 'collapse with the extra IPI, gup_fast that checks the PTE again but not the PMD',
  about:
    'The extra IPI of 2ba99c5e0881 alone. It closes both holes: who has read the old PMD has taken its reference before the IPI is acknowledged, so that the count shows it.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  defaults: { flush: 'hyperv' },
  expected: () => ({ verdict: 'safe' }),
  build: (options) => collapse(options, { afterFlush: 'sync-one', table: 'freed' }, 'pte'),
})

export const collapsePmdRecheck = scenario({
  name: 'thp-collapse-no-ipi',
  title: 'gup_fast that checks PTE and PMD again, collapse without the extra IPI',
  about: '70cbc3cc78a9 alone: no write is lost, but the table is still freed under the walker.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  defaults: { flush: 'hyperv' },
  expected: ({ flush }) =>
    flush === 'native' ? { verdict: 'safe' } : { verdict: 'unsafe', property: 'page-table lifetime' },
  build: (options) => collapse(options, { afterFlush: 'nothing', table: 'freed' }, 'pte-and-pmd'),
})

export const collapseStalePin = scenario({
  name: 'thp-collapse-stale-pin',
  title: 'collapse that deposits the table, gup_fast that checks the PTE again but not the PMD',
  about:
    'The PTE has not changed, only the PMD above it: a pin is returned on the page that collapse is copying (70cbc3cc78a9).',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  defaults: { flush: 'hyperv' },
  expected: ({ flush }) =>
    flush === 'native' ? { verdict: 'safe' } : { verdict: 'unsafe', property: 'lost write' },
  build: (options) => collapse(options, { afterFlush: 'nothing', table: 'deposited' }, 'pte'),
})

export const collapseStalePinFixed = scenario({
  name: 'thp-collapse-stale-pin-fixed',
  title: 'the same with gup_fast that checks PTE and PMD again',
  about:
    'Collapse writes the PMD and then reads the count, gup_fast writes the count and then reads the PMD.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  defaults: { flush: 'hyperv' },
  expected: () => ({ verdict: 'safe' }),
  build: (options) => collapse(options, { afterFlush: 'nothing', table: 'deposited' }, 'pte-and-pmd'),
})

export const collapseFixed = scenario({
  name: 'thp-collapse',
  title: 'khugepaged collapses a table under gup_fast, with both fixes of 2022',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  defaults: { flush: 'hyperv' },
  expected: () => ({ verdict: 'safe' }),
  build: (options) => collapse(options, { afterFlush: 'sync-one', table: 'freed' }, 'pte-and-pmd'),
})

function* splitter(kernel: Kernel, cpu: Cpu, mm: Mm, table: FrameRef): Task<void> {
  yield* splitHugePmd(kernel, cpu, mm, V, table)
}

export const split = scenario({
  name: 'thp-split',
  title: 'a huge PMD is split into a table of small pages under gup_fast',
  about: 'The huge entry is gone and flushed before the table goes in.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => {
    const { machine, kernel, mm, page } = buildAnyGuest({ ...options, free: 'immediate' })
    const table = machine.frame('T')
    const huge = makeEntry(page, { writable: true, user: true, dirty: true, huge: true })
    setInitialEntry(machine, machine.frame('PMD'), 2, V, huge)
    setInitialEntry(machine, table, 1, V, NONE)
    machine.run(machine.cpus[0]!, frame(splitter, kernel, machine.cpus[0]!, mm, table))
    for (const cpu of machine.cpus.slice(1)) machine.run(cpu, frame(gupFastSyscall, cpu, mm, V, 'pte'))
    return machine.program()
  },
})
