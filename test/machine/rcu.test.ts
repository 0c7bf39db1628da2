/** MACHINE 4.3: who is an RCU reader, and what a grace period waits for, under TSO. */
import { describe, expect, it } from 'vitest'
import type { Task } from '../../src/core/operation.ts'
import { entryFrame, isPresent, NONE } from '../../src/machine/entries.ts'
import { freeFrame } from '../../src/machine/frames.ts'
import { declareNmi, localIrqRestore, localIrqSave } from '../../src/machine/interrupts.ts'
import { readEntry, slot, writeEntry, xchgEntry } from '../../src/machine/paging.ts'
import { Rcu, rcuReadLock, rcuReadUnlock } from '../../src/machine/rcu.ts'
import { Bench, V } from './bench.ts'

const SITE = 'test'

/** CPU0 unhooks a table that no CPU has cached, and frees it after a grace period; CPU1 walks. */
function setUp() {
  const bench = new Bench({ memoryModel: 'tso', rcuSlots: 2, track: [V] })
  const { machine } = bench
  const rcu = new Rcu(machine)
  const frame = bench.frame('T')
  const callback = rcu.callback(function* freeTable() {
    yield* freeFrame(machine, frame)
  })
  // Hardware walks are not the subject: both CPUs run in the other address space.
  for (const { cr3 } of machine.cpus) bench.values[cr3] = machine.cr3s.id({ root: bench.b.root, pcid: 0 })
  const pmd = slot(machine, bench.frame('PMD'), 2, V)
  function* walk(): Task<void> {
    const entry = yield* readEntry(pmd)
    if (isPresent(entry)) yield* readEntry(slot(machine, entryFrame(entry), 1, V))
  }
  function* free(): Task<void> {
    yield* writeEntry(pmd, NONE)
    yield* rcu.callRcu(callback, 0, SITE)
  }
  return { bench, cpu: bench.cpu(1), rcu, pmd, frame, walk, free }
}
type Setup = ReturnType<typeof setUp>

const reader = (section: (at: Setup) => Task<void>, freeing?: (at: Setup) => Task<void>): string => {
  const at = setUp()
  return at.bench.verdict(
    function* freer() {
      yield* freeing === undefined ? at.free() : freeing(at)
    },
    function* walker() {
      yield* section(at)
    },
  )
}

function* irqsOff({ cpu, walk }: Setup): Task<void> {
  const flags = yield* localIrqSave(cpu, SITE)
  yield* walk()
  yield* localIrqRestore(cpu, flags)
}

function* locked({ cpu, walk }: Setup): Task<void> {
  yield* rcuReadUnlock(cpu, yield* rcuReadLockThen(cpu, walk))
}

function* rcuReadLockThen(cpu: Setup['cpu'], walk: () => Task<void>): Task<boolean> {
  const taken = yield* rcuReadLock(cpu, SITE)
  yield* walk()
  return taken
}

describe('a grace period waits for', () => {
  it('sections with interrupts off', () => expect(reader(irqsOff)).toBe('safe'))
  it('rcu_read_lock sections', () => expect(reader(locked)).toBe('safe'))
  it('nested sections, to the end of the outermost', () =>
    expect(
      reader(function* (at) {
        const outer = yield* rcuReadLock(at.cpu, SITE)
        const inner = yield* rcuReadLock(at.cpu, SITE)
        yield* rcuReadUnlock(at.cpu, inner)
        yield* at.walk()
        yield* rcuReadUnlock(at.cpu, outer)
      }),
    ).toBe('safe'))
  it('sections with interrupts off that were open, not for one after another', () =>
    expect(
      reader(function* (at) {
        yield* irqsOff(at)
        yield* irqsOff(at)
      }),
    ).toBe('safe'))
  it('NMI handlers, also on an idle CPU', () => {
    const at = setUp()
    declareNmi(at.bench.machine, at.walk, 1, [at.cpu])
    expect(at.bench.verdict(at.free)).toBe('safe')
  })
  it('readers that began before, where the caller sleeps in synchronize_rcu', () =>
    expect(
      reader(irqsOff, function* ({ bench, rcu, pmd, frame }) {
        yield* xchgEntry(pmd, NONE)
        yield* rcu.synchronizeRcu(bench.cpu(0), SITE)
        yield* freeFrame(bench.machine, frame)
      }),
    ).toBe('safe'))
})

describe('a grace period does not wait for', () => {
  it('a walk with interrupts on and no lock', () =>
    expect(reader(({ walk }) => walk())).toBe('page-table lifetime'))
  it('a walk that goes on after its section has ended', () =>
    expect(
      reader(function* (at) {
        const flags = yield* localIrqSave(at.cpu, SITE)
        const entry = yield* readEntry(at.pmd)
        yield* localIrqRestore(at.cpu, flags)
        if (isPresent(entry)) yield* readEntry(slot(at.bench.machine, at.frame, 1, V))
      }),
    ).toBe('page-table lifetime'))
  it('readers that begin after it: what is unhooked only then is not protected', () =>
    expect(
      reader(irqsOff, function* ({ bench, rcu, pmd, frame }) {
        yield* rcu.synchronizeRcu(bench.cpu(0), SITE)
        yield* xchgEntry(pmd, NONE)
        yield* freeFrame(bench.machine, frame)
      }),
    ).toBe('page-table lifetime'))
  it('the hardware walker: quiescent for RCU is not quiescent for it', () => {
    const at = setUp()
    at.bench.values[at.cpu.cr3] = at.bench.machine.cr3s.id({ root: at.bench.a.root, pcid: 0 })
    expect(at.bench.verdict(at.free)).toBe('hardware-walk lifetime')
  })
})

it('a grace period begins when the stores before call_rcu have drained', () => {
  // The unhooking store and the snapshot leave the buffer in this order, so that whoever still sees the table is waited for.
  expect(reader(irqsOff)).toBe('safe')
  expect(
    reader(irqsOff, function* (at) {
      yield* at.rcu.callRcu(
        at.rcu.callback(function* nothing() {}),
        0,
        SITE,
      )
      yield* at.free()
    }),
  ).toBe('safe')
})
