/** What workloads do to memory: fault pages in, take mmap_lock, pass through global stages. Costs are the model's. */
import type { Cell } from '../../core/cells.ts'
import { Operation, type Task } from '../../core/operation.ts'
import { walkPageTable } from '../../kernel/walk.ts'
import { entryFrame, type FrameRef, isPresent, makeEntry } from '../../machine/entries.ts'
import { allocFrame } from '../../machine/frames.ts'
import { localIrqRestore, localIrqSave } from '../../machine/interrupts.ts'
import type { Cpu } from '../../machine/machine.ts'
import { slot, writeEntry } from '../../machine/paging.ts'
import { spinLock, spinUnlock, store, type Variable } from '../../machine/variables.ts'
import { spend } from '../operations.ts'
import type { Mapping, Vm } from './vm.ts'

/** `mmap_read_lock()`: waits for a writer, then counts itself on the shared line. */
export function mmapReadLock(vm: Vm): Operation<void> {
  return count(vm, 'mmap_read_lock', 1)
}

export function mmapReadUnlock(vm: Vm): Operation<void> {
  return count(vm, 'mmap_read_unlock', -1)
}

function count(vm: Vm, label: string, by: 1 | -1): Operation<void> {
  return vm.made.of(label, () => countReader(vm, label, by))
}

function countReader({ mmapReaders, mmapWriter }: Vm, label: string, by: 1 | -1): Operation<void> {
  const cells: Cell[] = [mmapReaders.cell, mmapWriter.cell]
  return new Operation<void>({
    kind: by > 0 ? 'lock' : 'rmw',
    label,
    drains: true,
    footprint: () => ({ reads: cells, writes: [mmapReaders.cell] }),
    ...(by > 0 && { guard: (memory) => memory.peek(mmapWriter.cell) === 0 }),
    apply: (memory) => {
      memory.set(mmapReaders.cell, memory.get(mmapReaders.cell) + by)
      return 0
    },
  })
}

/** `mmap_write_lock()`: waits for everybody. */
export function mmapWriteLock(vm: Vm): Operation<void> {
  return vm.made.of('mmap_write_lock', () => writeLock(vm))
}

function writeLock({ mmapReaders, mmapWriter }: Vm): Operation<void> {
  const cells: Cell[] = [mmapReaders.cell, mmapWriter.cell]
  return new Operation<void>({
    kind: 'lock',
    label: 'mmap_write_lock',
    drains: true,
    footprint: () => ({ reads: cells, writes: [mmapWriter.cell] }),
    guard: (memory) => memory.peek(mmapWriter.cell) === 0 && memory.peek(mmapReaders.cell) === 0,
    apply: (memory) => {
      memory.set(mmapWriter.cell, 1)
      return 0
    },
  })
}

export function mmapWriteUnlock({ mmapWriter }: Vm): Operation<void> {
  return store(mmapWriter, 0)
}

/** A global stage: a spinlock held for a while with interrupts off, over lines that other CPUs have just had. */
export function* stage(cpu: Cpu, lock: Variable<number>, held: number, site: string): Task<void> {
  const flags = yield* localIrqSave(cpu, site)
  yield* spinLock(lock, site)
  yield* spend(held, 'locks')
  yield* spinUnlock(lock)
  yield* localIrqRestore(cpu, flags)
}

/** Takes the frame that has been free longest, or a new one if even that is still waiting to be freed. */
export function* takeFrame(vm: Vm, mapping: Mapping, kind: 'table' | 'page'): Task<FrameRef> {
  const { machine } = vm
  const pool = kind === 'table' ? mapping.tables : mapping.pages
  const owner = kind === 'table' ? mapping.tableOwner : mapping.pageOwner
  const oldest = pool[0]
  if (oldest !== undefined) {
    const again = yield* allocFrame(machine, oldest, owner)
    if (again !== null) {
      pool.shift()
      return again
    }
  }
  const name = `${kind === 'table' ? 'T' : 'X'}${machine.options.frames.length}`
  const added = machine.addFrame(
    { name, ...(kind === 'table' && { table: [1 as const] }) },
    kind === 'table' ? [mapping.va] : [],
  )
  vm.guest.memory.adopt()
  return (yield* allocFrame(machine, name, owner)) ?? added
}

/**
 * A minor fault (`do_anonymous_page`): the leaf table is allocated and hooked in where it is missing, then a page. Takes
 * mmap_lock for reading unless faults find their VMA without it.
 */
export function* fault(vm: Vm, mapping: Mapping): Task<void> {
  const { machine, costs } = vm
  yield* spend(costs.fault, 'faults')
  const pmd = yield* walkPageTable(machine, mapping.mm.pgd, mapping.va, 2)
  let table = pmd.entry
  if (!isPresent(table)) {
    table = makeEntry(yield* takeFrame(vm, mapping, 'table'))
    yield* spinLock(mapping.mm.pmdLock, 'pmd_install')
    yield* writeEntry(pmd.slot, table)
    yield* spinUnlock(mapping.mm.pmdLock)
  }
  const page = yield* takeFrame(vm, mapping, 'page')
  const at = slot(machine, entryFrame(table), 1, mapping.va)
  yield* writeEntry(at, makeEntry(page))
}

/** Notes which frames an unmap gives back, so that faults find them again. */
export function* frameNames(vm: Vm, mapping: Mapping): Task<void> {
  const { machine } = vm
  const walk = yield* walkPageTable(machine, mapping.mm.pgd, mapping.va)
  if (walk.slot.level === 1 && walk.above !== undefined) {
    mapping.tables.push(machine.frameName(entryFrame(walk.above.entry).pfn))
    if (isPresent(walk.entry)) mapping.pages.push(machine.frameName(entryFrame(walk.entry).pfn))
  }
}

/** Sleeps or runs user code: what threads do between operations. */
export function think(vm: Vm, _cpu: Cpu, microseconds: number) {
  return spend(vm.random.near(microseconds * 1000, 0.5), 'user')
}
