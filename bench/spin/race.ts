/**
 * The thread's race as plain operations, one visible access each: the program that `race.pml` is written beside. CPU0 unhooks
 * a table, flushes by IPIs or by a hypercall, and frees now or after a grace period; every other CPU walks twice with
 * interrupts off. A CPU's word is a lock: interrupts off, or inside the handler.
 */
import { type Cell, CellTable } from '../../src/core/cells.ts'
import { Operation, type Task } from '../../src/core/operation.ts'
import { frame, type Process, type Program } from '../../src/core/program.ts'
import { call } from '../../src/core/task.ts'

export interface RaceOptions {
  readonly cpus: number
  readonly flush: 'ipi' | 'hypercall'
  readonly free: 'now' | 'rcu'
  readonly memoryModel: 'sc' | 'tso'
}

const IDLE = 0
const IRQS_OFF = 1
const IN_HANDLER = 2

function store(cell: Cell, value: number, label: string): Operation<void> {
  return new Operation<void>({
    kind: 'store',
    label,
    commit: {
      key: `${cell}=${value}`,
      cell,
      value,
      label,
      footprint: () => ({ writes: [cell] }),
      apply: (memory) => memory.set(cell, value),
    },
  })
}

/** A locked store: what raises an interrupt comes after everything that was stored before. */
function lockedStore(cell: Cell, value: number, label: string): Operation<void> {
  return new Operation<void>({
    kind: 'rmw',
    label,
    drains: true,
    footprint: () => ({ writes: [cell] }),
    apply: (memory) => {
      memory.set(cell, value)
      return 0
    },
  })
}

function waitFor(cell: Cell, holds: (value: number) => boolean, label: string): Operation<void> {
  return new Operation<void>({
    kind: 'wait',
    label,
    footprint: () => ({ loads: [cell] }),
    guard: (memory) => holds(memory.load(cell)),
  })
}

/** Takes the CPU's word, when it is idle. */
function acquire(cell: Cell, value: number, label: string): Operation<void> {
  return new Operation<void>({
    kind: 'lock',
    label,
    drains: true,
    footprint: () => ({ reads: [cell], writes: [cell] }),
    guard: (memory) => memory.get(cell) === IDLE,
    apply: (memory) => {
      memory.set(cell, value)
      return 0
    },
  })
}

/** The program of the race. */
export function race({ cpus, flush, free, memoryModel }: RaceOptions): Program {
  const cells = new CellTable()
  const targets = Array.from({ length: cpus - 1 }, (_, i) => i + 1)
  const pgtable = cells.add('pgtable', 1, 1)
  const freed = cells.add('freed', 1)
  const cpu = cells.addArray('cpu', cpus, 2, IDLE)
  const pending = cells.addArray('pending', cpus, 1)
  const ack = cells.addArray('ack', cpus, 1)
  const tlb = cells.addArray('tlb', cpus, 1, 1)

  const readTable = new Operation<number>({
    kind: 'load',
    label: 'p = pgtable',
    footprint: () => ({ loads: [pgtable] }),
    apply: (memory) => memory.load(pgtable),
    decode: (raw) => raw,
  })
  const dereference = new Operation<void>({
    kind: 'load',
    label: 'walk *p',
    footprint: () => ({ loads: [freed] }),
    apply: (memory) => {
      if (memory.load(freed) === 1)
        memory.violate({ property: 'page-table lifetime', message: 'the table is free', cells: [freed] })
      return 0
    },
  })

  function* walk(): Task<void> {
    if ((yield* readTable) === 1) yield* dereference
  }
  function* gupFast(c: number): Task<void> {
    yield* acquire(cpu[c]!, IRQS_OFF, 'local_irq_disable()')
    yield* call(walk)
    yield* store(cpu[c]!, IDLE, 'local_irq_enable()')
  }
  function* walker(c: number): Task<void> {
    yield* call(gupFast, c)
    yield* call(gupFast, c)
  }
  function* handler(c: number): Task<void> {
    yield* waitFor(pending[c]!, (value) => value === 1, 'interrupt')
    yield* acquire(cpu[c]!, IN_HANDLER, 'delivered')
    yield* store(tlb[c]!, 0, 'flush')
    yield* store(ack[c]!, 1, 'acknowledge')
    yield* store(cpu[c]!, IDLE, 'iret')
  }
  function* initiator(): Task<void> {
    yield* store(pgtable, 0, 'pgtable = none')
    if (flush === 'ipi') {
      for (const t of targets) yield* lockedStore(pending[t]!, 1, `IPI ${t}`)
      for (const t of targets) yield* waitFor(ack[t]!, (value) => value === 1, `await ${t}`)
    } else {
      for (const t of targets) yield* lockedStore(tlb[t]!, 0, `hypercall flushes ${t}`)
    }
    if (free === 'rcu') {
      for (const t of targets)
        yield* waitFor(cpu[t]!, (value) => value !== IRQS_OFF, `quiescent state of ${t}`)
    }
    yield* store(freed, 1, 'free')
  }

  const process = (name: string, main: Process['main']): Process => ({
    name,
    main,
    sources: [],
    buffered: memoryModel === 'tso',
    daemon: false,
  })
  return {
    cells,
    processes: [
      process('CPU0', frame(initiator)),
      ...targets.map((c) => process(`CPU${c}`, frame(walker, c))),
      ...(flush === 'ipi' ? targets.map((c) => process(`IRQ${c}`, frame(handler, c))) : []),
    ],
    bounds: [],
  }
}
