/**
 * Small scenarios for parts of the protocols that the thread's race has no use for, so that `needs` calls them redundant there:
 * in each of these, leaving one of them out is fatal.
 */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { tlbFinishMmu, tlbGatherMmu } from '../kernel/mmu-gather.ts'
import { zapPteRange } from '../kernel/munmap.ts'
import { declareSwitchState, type SwitchState, switchMm } from '../kernel/switch-mm.ts'
import { walkPageTable } from '../kernel/walk.ts'
import { entryFrame, isPresent, type Level, makeEntry } from '../machine/entries.ts'
import type { Cpu } from '../machine/machine.ts'
import { returnToUser } from '../machine/modes.ts'
import { readEntry, slot, writeEntry } from '../machine/paging.ts'
import { spinLock, spinUnlock } from '../machine/variables.ts'
import { buildAnyGuest } from './any-guest.ts'
import { V } from './guest.ts'
import { scenario } from './scenario.ts'
import { unmapper } from './thread-table.ts'

/** A CPU that runs something else so far enters the mm, and returns to user mode. */
function* enterMm(kernel: Kernel, state: SwitchState, cpu: Cpu, mm: Mm): Task<void> {
  yield* switchMm(kernel, state, cpu, mm)
  yield* returnToUser(cpu)
}

export const switchDuringFlush = scenario({
  name: 'switch-during-flush',
  title: 'a CPU enters an mm while a kernel thread on another one unmaps from it: one sees the other',
  about:
    'What the barrier in inc_mm_tlb_gen() is for: page-table stores before the look at mm_cpumask, against the mask bit before CR3. The thread (the OOM reaper, say) has not loaded the mm; one that has drains its stores by its own INVLPG anyway.',
  uses: ['memoryModel', 'levels', 'flush', 'free', 'profile'],
  expected: ({ flush, free }) =>
    flush === 'native' && free === 'immediate' ? { verdict: 'safe' } : undefined,
  build: (options): Program => {
    const level = options.levels as Level
    const { machine, kernel, mm } = buildAnyGuest({
      ...options,
      cpus: 2,
      preempted: [],
      frames: [{ name: 'SWAPPER', table: [level], owner: { use: 'table', level, space: 'init_mm' } }],
    })
    const initMm = machine.addressSpace('init_mm', machine.frame('SWAPPER'))
    const [unmaps, enters] = machine.cpus as [Cpu, Cpu]
    const state = declareSwitchState(kernel, initMm, () => null)
    for (const cpu of machine.cpus) {
      const { loadedMm } = kernel.tlbState[cpu.id]!
      machine.cells.setInitial(loadedMm.cell, loadedMm.encode(null))
      machine.cells.setInitial(mm.cpumask[cpu.id]!.cell, 0)
      machine.startIn(cpu, initMm)
    }
    machine.run(unmaps, frame(unmapper, kernel, unmaps, mm))
    machine.run(enters, frame(enterMm, kernel, state, enters, mm))
    return machine.program()
  },
})

/** `change_pte_range()`, without a flush: the PTE is read, and written back, under its lock. */
function* changePteRange(cpu: Cpu, mm: Mm): Task<void> {
  const { machine } = cpu
  const pmd = yield* walkPageTable(machine, mm.pgd, V, 2)
  if (!isPresent(pmd.entry)) return
  const pte = slot(machine, entryFrame(pmd.entry), 1, V)
  yield* spinLock(mm.ptl, 'change_pte_range')
  const old = yield* readEntry(pte)
  if (isPresent(old)) yield* writeEntry(pte, makeEntry(entryFrame(old), { user: true }))
  yield* spinUnlock(mm.ptl, 'change_pte_range')
  yield* returnToUser(cpu)
}

/** `zap_pte_range()` and the flush: the page goes, the table stays. */
function* zapOnly(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  const tlb = tlbGatherMmu(kernel, cpu, mm)
  yield* zapPteRange(tlb, V)
  yield* tlbFinishMmu(tlb)
}

/** The same one level up: what any change of a PMD does under its lock. */
function* changePmd(cpu: Cpu, mm: Mm): Task<void> {
  const { machine } = cpu
  const { slot: pmd } = yield* walkPageTable(machine, mm.pgd, V, 2)
  yield* spinLock(mm.pmdLock, 'change_pmd')
  const old = yield* readEntry(pmd)
  if (isPresent(old)) yield* writeEntry(pmd, makeEntry(entryFrame(old), { user: true }))
  yield* spinUnlock(mm.pmdLock, 'change_pmd')
}

export const pteLock = scenario({
  name: 'pte-lock',
  title: 'a page is unmapped while another CPU reads its PTE and writes it back',
  about:
    'What the page-table lock in zap_pte_range() is for: without it the PTE comes back after the page has gone. Only the page goes here, not its table.',
  uses: ['memoryModel', 'levels', 'flush', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options): Program => {
    const { machine, kernel, mm } = buildAnyGuest({ ...options, cpus: 2, free: 'immediate', preempted: [] })
    const [unmaps, changes] = machine.cpus as [Cpu, Cpu]
    machine.run(unmaps, frame(zapOnly, kernel, unmaps, mm))
    machine.run(changes, frame(changePteRange, changes, mm))
    return machine.program()
  },
})

export const pmdLock = scenario({
  name: 'pmd-lock',
  title: 'a table is unhooked while another CPU reads its PMD and writes it back',
  about: 'What the lock in free_pte_range() is for: without it the PMD comes back after the table has gone.',
  uses: ['memoryModel', 'levels', 'flush', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options): Program => {
    const { machine, kernel, mm } = buildAnyGuest({ ...options, cpus: 2, free: 'immediate', preempted: [] })
    const [unmaps, changes] = machine.cpus as [Cpu, Cpu]
    machine.run(unmaps, frame(unmapper, kernel, unmaps, mm))
    machine.run(changes, frame(changePmd, changes, mm))
    return machine.program()
  },
})
