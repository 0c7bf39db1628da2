/** Memory as the events of the current execution see it; what they touch is noted and held against their footprints. */
import type { Cell, CellTable } from '../../core/cells.ts'
import type { Memory } from '../../core/operation.ts'
import type { Violation } from '../../core/violation.ts'
import { ALL, type BitRows, DIRECT, LATER_ALL, LATER_WRITES, WRITES } from '../bit-rows.ts'
import { type Actor, allows, checkValue, refuse } from '../rights.ts'
import type { Notes } from './accesses.ts'
import type { Events } from './events.ts'
import type { Stores } from './stores.ts'
import { INITIAL, NONE, type Versions } from './versions.ts'

export class PresentMemory implements Memory {
  violation: Violation | undefined
  /** Who is running, for messages. */
  actor: Actor | undefined
  /** Cells that were read from memory, with the versions that were seen. */
  readonly seenCells: number[] = []
  readonly seenVersions: number[] = []
  /** Cells that were loaded of the own thread's stores, with the stores' numbers. */
  readonly ownCells: number[] = []
  readonly ownStores: number[] = []
  seen = 0
  owned = 0
  /** Guards are looked at without leaving traces. */
  tracking = false
  private readonly versions: Versions
  private readonly events: Events
  private readonly notes: Notes
  private readonly rows: BitRows
  private readonly cells: CellTable
  private readonly processes: number
  private event = 0
  private process = 0
  private stores: Stores | undefined
  private mayWrite = false
  private directAt = 0
  private loadAt = 0
  private setAt = 0

  constructor(
    versions: Versions,
    events: Events,
    notes: Notes,
    rows: BitRows,
    cells: CellTable,
    processes: number,
  ) {
    this.versions = versions
    this.events = events
    this.notes = notes
    this.rows = rows
    this.cells = cells
    this.processes = processes
  }

  /** The operation of a node is looked at, or about to act. */
  actAs(process: number, node: number, stores: Stores | undefined, event: number): void {
    const base = node * this.rows.stride
    this.process = process
    this.stores = stores
    this.event = event
    this.mayWrite = event >= 0
    this.tracking = event >= 0
    this.directAt = base + DIRECT * this.rows.words
    this.loadAt = base + ALL * this.rows.words
    this.setAt = base + WRITES * this.rows.words
  }

  /** The store of a node is about to take effect; `number` is its number, -1 without a store buffer. */
  commitAs(process: number, node: number, event: number): void {
    const base = node * this.rows.stride
    this.process = process
    this.stores = undefined
    this.event = event
    this.mayWrite = true
    this.tracking = true
    this.directAt = base + LATER_ALL * this.rows.words
    this.loadAt = this.directAt
    this.setAt = base + LATER_WRITES * this.rows.words
  }

  begin(): void {
    this.notes.begin()
    this.seen = 0
    this.owned = 0
    this.violation = undefined
  }

  get(cell: Cell): number {
    if (!allows(this.rows.data, this.directAt, cell)) refuse(this.actor, 'reads', this.cells, cell)
    if (this.tracking) this.noteRead(cell)
    return this.versions.values[cell]!
  }

  peek(cell: Cell): number {
    return this.versions.values[cell]!
  }

  load(cell: Cell): number {
    if (!allows(this.rows.data, this.loadAt, cell)) refuse(this.actor, 'loads', this.cells, cell)
    const store = this.ownStore(cell)
    if (this.tracking) {
      if (store >= 0) this.noteOwn(cell, store)
      else this.noteRead(cell)
    }
    const { stores } = this
    if (store >= 0 && store >= stores!.drained) return stores!.commits[store]!.value
    return this.versions.values[cell]!
  }

  set(cell: Cell, value: number): void {
    if (!this.mayWrite || !allows(this.rows.data, this.setAt, cell))
      refuse(this.actor, 'writes', this.cells, cell)
    checkValue(this.actor, this.cells, cell, value)
    if (this.notes.write(cell)) this.versions.write(this.event, cell, value, NONE)
    else this.versions.values[cell] = value
  }

  violate(violation: Violation): void {
    this.violation ??= violation
  }

  /** A guard counts as reading whatever it may read. */
  noteLoad(cell: number): void {
    const store = this.ownStore(cell)
    if (store >= 0) this.noteOwn(cell, store)
    else this.noteRead(cell)
  }

  noteRead(cell: number): void {
    if (!this.notes.read(cell)) return
    this.seenCells[this.seen] = cell
    this.seenVersions[this.seen] = this.versions.newest[cell]!
    this.seen++
  }

  private noteOwn(cell: number, store: number): void {
    if (!this.notes.own(cell, store)) return
    this.ownCells[this.owned] = cell
    this.ownStores[this.owned] = store
    this.owned++
  }

  /** The own store that a load takes its value from: in the buffer, or drained and still the newest in memory; or -1. */
  private ownStore(cell: number): number {
    const { stores, versions, events } = this
    if (stores === undefined) return -1
    const pending = stores.newest(cell)
    if (pending >= 0) return pending
    const version = versions.newest[cell]!
    if (version === INITIAL) return -1
    const writer = versions.writer[version]!
    if (events.mover[writer] !== this.processes + this.process) return -1
    const store = events.ordinal[writer]!
    return stores.commits[store]!.cell === cell ? store : -1
  }
}
