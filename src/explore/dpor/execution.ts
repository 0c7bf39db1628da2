/**
 * The execution that is being explored: what is enabled, carrying out events and taking them back, and the order between
 * events (happens-before). Nothing here decides what to explore.
 *
 * Two events are in conflict when they touch the same cell and one of them writes. There is one exception: a load that takes
 * its value from a store of its own thread is ordered with that store only, be it forwarded from the buffer or read from memory
 * (chronological traces). So there is one happens-before order for each (program order, reads-from, coherence) graph.
 */
import { GuestProgramError, InternalError } from '../../core/errors.ts'
import type { Operation } from '../../core/operation.ts'
import type { Program } from '../../core/program.ts'
import type { Violation } from '../../core/violation.ts'
import type { Automata } from '../automata.ts'
import { deadlock, type Waiting } from '../deadlock.ts'
import { guestThrew } from '../guest.ts'
import { DONE, HALT } from '../locals.ts'
import { Accesses, Notes } from './accesses.ts'
import { Events, room } from './events.ts'
import { PresentMemory } from './memory.ts'
import { Stores } from './stores.ts'
import { INITIAL, NONE, Versions } from './versions.ts'

export class Execution {
  readonly automata: Automata
  readonly program: Program
  readonly processes: number
  /** Movers: the processes, then the drains of their store buffers. */
  readonly movers: number
  readonly events: Events
  readonly versions: Versions
  readonly accesses: Accesses
  readonly notes: Notes
  readonly stores: readonly (Stores | undefined)[]
  readonly local: Int32Array
  /** Events that are in a race with the one that was executed last, latest first. */
  readonly races: number[] = []
  /** What the event that was executed last has violated. */
  violation: Violation | undefined
  private readonly memory: PresentMemory
  private localBefore = new Int32Array(64)
  private readonly candidates: number[] = []
  /** {@link isFixed}, by node. */
  private readonly fixed: (boolean | undefined)[] = []

  constructor(automata: Automata) {
    const { program, recorder } = automata
    this.automata = automata
    this.program = program
    this.processes = program.processes.length
    this.movers = this.processes * (program.processes.some(({ buffered }) => buffered) ? 2 : 1)
    this.events = new Events(this.movers)
    this.versions = new Versions(program.cells)
    this.accesses = new Accesses(program.cells.size)
    this.notes = new Notes(this.accesses, program.cells.size)
    this.stores = program.processes.map(({ buffered }) => (buffered ? new Stores() : undefined))
    this.local = Int32Array.from(automata.initial)
    this.memory = new PresentMemory(
      this.versions,
      this.events,
      this.notes,
      recorder.futures.own,
      program.cells,
      this.processes,
    )
  }

  /** The next operation of a process; undefined when it is done or has halted. */
  operation(process: number): Operation<unknown> | undefined {
    const at = this.local[process]!
    return at > HALT ? this.automata.recorder.operations[this.automata.locals.nodes.data[at]!] : undefined
  }

  node(process: number): number {
    return this.automata.locals.nodes.data[this.local[process]!]!
  }

  /** The operation that an event of a process has carried out. */
  operationOf(event: number): Operation<unknown> {
    return this.automata.recorder.operations[this.automata.locals.nodes.data[this.localBefore[event]!]!]!
  }

  /** Outcomes of a mover's next event; 0 when it is blocked or there is none. */
  outcomes(mover: number): number {
    if (mover >= this.processes) {
      const stores = this.stores[mover - this.processes]
      return stores !== undefined && stores.drained < stores.issued ? 1 : 0
    }
    const operation = this.operation(mover)
    if (operation === undefined) return 0
    const stores = this.stores[mover]
    if (operation.drains && stores !== undefined && stores.drained < stores.issued) return 0
    return operation.guard === undefined || this.guardHolds(mover, operation) ? operation.choices : 0
  }

  /** Carries out one event, and finds its {@link races}, unless it may block (see `cuts.ts`). */
  execute(mover: number, choice: number): number {
    const { events, versions, memory } = this
    const event = events.push(mover, choice)
    versions.begin(event)
    memory.begin()
    if (event >= this.localBefore.length) this.localBefore = room(this.localBefore, event + 1)
    try {
      if (mover < this.processes) this.operate(mover, choice, event)
      else this.drain(mover - this.processes, event)
    } catch (error) {
      const { name } = this.program.processes[mover % this.processes]!
      throw guestThrew(`"${memory.actor?.label}" of ${name}`, error)
    }
    events.access[event] = this.notes.set
    this.violation = memory.violation
    this.order(event, mover < this.processes && (memory.actor as Operation<unknown>).guard !== undefined)
    this.addReaders(event)
    return event
  }

  /** Takes the last event back. */
  undo(): void {
    const { events, versions } = this
    const event = events.size - 1
    const mover = events.mover[event]!
    versions.undo(event)
    if (mover >= this.processes) {
      this.stores[mover - this.processes]!.drained--
    } else {
      this.local[mover] = this.localBefore[event]!
      const stores = this.stores[mover]
      if (stores !== undefined && stores.issued > 0 && stores.events[stores.issued - 1] === event)
        stores.issued--
    }
    events.pop()
  }

  /** How many stores of a process have drained before an event. */
  drainedBefore(process: number, event: number): number {
    let drained = this.stores[process]?.drained ?? 0
    while (drained > 0 && this.events.nth(this.processes + process, drained - 1) >= event) drained--
    return drained
  }

  /** The violation in a state without enabled events, if it is one. */
  stuck(): Violation | undefined {
    const waiting: Waiting[] = []
    for (const [p, { name, daemon }] of this.program.processes.entries()) {
      if (this.local[p] === HALT) return undefined
      const operation = this.operation(p)
      if (operation !== undefined && !daemon) waiting.push({ process: name, operation })
    }
    return waiting.length === 0 ? undefined : deadlock(waiting)
  }

  /** The current state over the declared cells, and what has become of the processes. */
  describe(): string {
    const fates = Array.from(this.local, (at) => (at === DONE ? 'done' : at === HALT ? 'halted' : 'blocked'))
    return `${this.versions.values.join(' ')} | ${fates.join(' ')}`
  }

  /** What has to happen before a process's operation whatever others do: what it did before, and its drains if it waits for them. */
  startClock(event: number, process: number, drains: boolean): void {
    if (!drains || this.movers === this.processes) return
    const last = this.events.last(this.processes + process)
    if (last >= 0) this.events.join(event, last)
  }

  /** Whether an event touches the same cells wherever it comes: a plain load, a plain store that takes effect. */
  isFixed(event: number): boolean {
    const mover = this.events.mover[event]!
    const drains = mover >= this.processes
    const process = drains ? mover - this.processes : mover
    const stores = this.stores[process]
    const node = drains
      ? stores!.nodes[this.events.ordinal[event]!]!
      : this.automata.locals.nodes.data[this.localBefore[event]!]!
    let fixed = this.fixed[node]
    if (fixed === undefined) {
      fixed = isFixed(this.automata.recorder.operations[node]!)
      this.fixed[node] = fixed
    }
    // A load may find an own store where there are buffers.
    return fixed && (drains || stores === undefined)
  }

  private guardHolds(process: number, operation: Operation<unknown>): boolean {
    const { memory } = this
    memory.actor = operation
    memory.actAs(process, this.node(process), this.stores[process], -1)
    try {
      return operation.guard!(memory)
    } catch (error) {
      throw guestThrew(`"${operation.label}"`, error)
    }
  }

  private operate(process: number, choice: number, event: number): void {
    const { memory, automata } = this
    const at = this.local[process]!
    const node = automata.locals.nodes.data[at]!
    const operation = automata.recorder.operations[node]!
    const stores = this.stores[process]
    memory.actor = operation
    memory.actAs(process, node, stores, event)
    if (operation.guard !== undefined) {
      const { loads = [], reads = [] } = operation.footprint()
      for (const cell of loads) memory.noteLoad(cell)
      for (const cell of reads) memory.noteRead(cell)
      if (!operation.guard(memory)) throw new InternalError(`"${operation.label}" is scheduled but blocked`)
    }
    this.startClock(event, process, operation.drains)
    const raw = operation.apply(memory, choice)
    const { commit } = operation
    if (commit !== undefined) {
      if (stores !== undefined) stores.push(commit, event, node)
      else {
        memory.commitAs(process, node, event)
        commit.apply(memory)
      }
    }
    this.localBefore[event] = at
    this.local[process] = memory.violation === undefined ? automata.locals.step(at, raw) : HALT
  }

  private drain(process: number, event: number): void {
    const { memory, versions } = this
    const stores = this.stores[process]!
    const number = stores.drained++
    const commit = stores.commits[number]!
    const store = stores.events[number]!
    memory.actor = commit
    memory.commitAs(process, stores.nodes[number]!, event)
    this.events.join(event, store)
    commit.apply(memory)
    if (commit.cell === undefined) return
    if (versions.values[commit.cell] !== commit.value) {
      throw new GuestProgramError(
        'guest-invalid',
        `the store "${commit.label}" leaves another value in its cell than later loads forward`,
      )
    }
    if (this.notes.written(commit.cell)) versions.readers[commit.cell] = versions.forwarded[store]!
  }

  /** Completes the clock of an event: conflicting events happen before it, those that nothing else orders are races. */
  private order(event: number, blocking: boolean): void {
    const { events, versions, memory, candidates, races } = this
    candidates.length = 0
    races.length = 0
    for (let i = 0; i < memory.seen; i++) {
      const version = memory.seenVersions[i]!
      if (version !== INITIAL) candidates.push(versions.writer[version]!)
    }
    for (let version = versions.versionsOf(event); version < versions.versions; version++) {
      const before = versions.previous[version]!
      if (before !== INITIAL) candidates.push(versions.writer[before]!)
      for (let at = versions.previousReaders[version]!; at !== NONE; at = versions.next[at]!)
        candidates.push(versions.reader[at]!)
    }
    if (candidates.length > 1) candidates.sort((a, b) => b - a)
    const row = event * events.movers
    for (const other of candidates) {
      if (events.clocks[row + events.mover[other]!]! > events.ordinal[other]!) continue
      if (!blocking) races.push(other)
      events.join(event, other)
    }
    events.closeClock(event)
  }

  private addReaders(event: number): void {
    const { versions, memory, notes, events } = this
    for (let i = 0; i < memory.seen; i++) {
      const cell = memory.seenCells[i]!
      if (!notes.written(cell)) versions.addReader(event, cell)
    }
    if (memory.owned === 0) return
    const stores = this.stores[events.mover[event]!]!
    for (let i = 0; i < memory.owned; i++) {
      const cell = memory.ownCells[i]!
      const store = memory.ownStores[i]!
      if (store >= stores.drained) versions.addForwarded(event, stores.events[store]!)
      else if (!notes.written(cell)) versions.addReader(event, cell)
    }
  }
}

function isFixed(operation: Operation<unknown>): boolean {
  const { guard, commit } = operation
  const { loads = [], reads = [], writes = [] } = operation.footprint()
  const read = loads.length + reads.length
  if (guard !== undefined || writes.length > 0) return false
  if (commit === undefined) return read <= 1
  const later = commit.footprint()
  return (
    read === 0 &&
    commit.cell !== undefined &&
    (later.loads ?? []).length + (later.reads ?? []).length === 0 &&
    (later.writes ?? []).every((cell) => cell === commit.cell)
  )
}
