/**
 * The thread's race as plain operations, one visible access each: the program that `race.pml` is written beside. CPU0 unhooks
 * a table, flushes by IPIs or by a hypercall, and frees now or after a grace period; every other CPU walks twice with
 * interrupts off. A CPU's word is a lock: interrupts off, or inside the handler.
 *
 * CPU0 goes through the others one by one, or (`broadcast`) addresses them all at once and then waits for all: that is how the
 * others stay interchangeable. A grace period then is a flag of each CPU that is inside a section when it begins, taken back
 * where the section ends.
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
  readonly send?: 'each' | 'broadcast'
}

const IDLE = 0
const IRQS_OFF = 1
const IN_HANDLER = 2

/** @param clears - a cell that becomes 0 with it */
function store(cell: Cell, value: number, label: string, clears?: Cell): Operation<void> {
  return new Operation<void>({
    kind: 'store',
    label,
    commit: {
      key: `${cell}=${value}`,
      cell,
      value,
      label,
      footprint: () => ({ writes: clears === undefined ? [cell] : [cell, clears] }),
      apply: (memory) => {
        memory.set(cell, value)
        if (clears !== undefined) memory.set(clears, 0)
      },
    },
  })
}

/** A locked store: what raises an interrupt comes after everything that was stored before. */
function lockedStore(cells: readonly Cell[], value: number, label: string): Operation<void> {
  return new Operation<void>({
    kind: 'rmw',
    label,
    drains: true,
    footprint: () => ({ writes: cells }),
    apply: (memory) => {
      for (const cell of cells) memory.set(cell, value)
      return 0
    },
  })
}

function waitFor(cells: readonly Cell[], holds: (value: number) => boolean, label: string): Operation<void> {
  return new Operation<void>({
    kind: 'wait',
    label,
    footprint: () => ({ loads: cells }),
    conjuncts: cells.map((cell) => (memory) => holds(memory.load(cell))),
  })
}

/** A grace period begins: it has to wait for every CPU that is inside a section now. */
function snapshot(cpu: readonly Cell[], waits: readonly Cell[]): Operation<void> {
  return new Operation<void>({
    kind: 'rcu',
    label: 'grace period begins',
    drains: true,
    footprint: () => ({ reads: cpu, writes: waits }),
    apply: (memory) => {
      for (const [i, cell] of waits.entries()) memory.set(cell, memory.get(cpu[i]!) === IRQS_OFF ? 1 : 0)
      return 0
    },
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
export function race({ cpus, flush, free, memoryModel, send = 'each' }: RaceOptions): Program {
  const cells = new CellTable()
  const targets = Array.from({ length: cpus - 1 }, (_, i) => i + 1)
  const pgtable = cells.add('pgtable', 1, 1)
  const freed = cells.add('freed', 1)
  const cpu = cells.addPerCpu('cpu', cpus, 2, IDLE)
  const pending = cells.addPerCpu('pending', cpus, 1)
  const ack = cells.addPerCpu('ack', cpus, 1)
  const tlb = cells.addPerCpu('tlb', cpus, 1, 1)
  const broadcast = send === 'broadcast'
  const waits = broadcast && free === 'rcu' ? cells.addPerCpu('waits', cpus, 1) : []
  /** The targets in as many groups as CPU0 addresses one after the other. */
  const groups = broadcast ? [targets] : targets.map((t) => [t])
  const of = (all: readonly Cell[], group: readonly number[]) => group.map((t) => all[t]!)

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
    yield* store(cpu[c]!, IDLE, 'local_irq_enable()', waits[c])
  }
  function* walker(c: number): Task<void> {
    yield* call(gupFast, c)
    yield* call(gupFast, c)
  }
  function* handler(c: number): Task<void> {
    yield* waitFor([pending[c]!], (value) => value === 1, 'interrupt')
    yield* acquire(cpu[c]!, IN_HANDLER, 'delivered')
    yield* store(tlb[c]!, 0, 'flush')
    yield* store(ack[c]!, 1, 'acknowledge')
    yield* store(cpu[c]!, IDLE, 'iret')
  }
  function* initiator(): Task<void> {
    yield* store(pgtable, 0, 'pgtable = none')
    if (flush === 'ipi') {
      for (const some of groups) yield* lockedStore(of(pending, some), 1, `IPI ${some}`)
      for (const some of groups) yield* waitFor(of(ack, some), (value) => value === 1, `await ${some}`)
    } else {
      for (const some of groups) yield* lockedStore(of(tlb, some), 0, `hypercall flushes ${some}`)
    }
    if (free === 'rcu' && broadcast) {
      yield* snapshot(of(cpu, targets), of(waits, targets))
      yield* waitFor(of(waits, targets), (value) => value === 0, 'grace period over')
    } else if (free === 'rcu') {
      for (const t of targets)
        yield* waitFor([cpu[t]!], (value) => value !== IRQS_OFF, `quiescent state of ${t}`)
    }
    yield* store(freed, 1, 'free')
  }

  const process = (name: string, c: number, main: Process['main']): Process => ({
    name,
    cpu: c,
    main,
    sources: [],
    buffered: memoryModel === 'tso',
    daemon: false,
  })
  return {
    cells,
    processes: [
      process('CPU0', 0, frame(initiator)),
      ...targets.map((c) => process(`CPU${c}`, c, frame(walker, c))),
      ...(flush === 'ipi' ? targets.map((c) => process(`IRQ${c}`, c, frame(handler, c))) : []),
    ],
    bounds: [],
  }
}
