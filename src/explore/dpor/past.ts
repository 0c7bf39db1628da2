/**
 * What would have been: the state after some of the current execution's events only. The events left out are those of a cut
 * and all that happen after one of them. What is left is a possible execution of its own, and its state follows from the
 * versions of cells that are left.
 */
import type { Cell } from '../../core/cells.ts'
import type { Memory, Operation } from '../../core/operation.ts'
import { guestThrew } from '../guest.ts'
import type { Execution } from './execution.ts'
import type { Stores } from './stores.ts'
import { INITIAL } from './versions.ts'

/** A mover's next event is not enabled in the past that was asked for. */
export const BLOCKED = -1

export class Past implements Memory {
  /** Events of the cut. */
  private cut: readonly number[] = []
  /** Events from here on have not happened either. */
  private limit = 0
  private process = 0
  private stores: Stores | undefined
  private noting = false
  private readonly execution: Execution
  /** What the acting operation itself has set. */
  private readonly own = new Map<number, number>()

  constructor(execution: Execution) {
    this.execution = execution
  }

  /** Goes to the state without the events of `cut` and what follows from them, and without those from `limit` on. */
  goTo(cut: readonly number[], limit: number): void {
    this.cut = cut
    this.limit = limit
  }

  /** Whether an event is left out. */
  excludes(event: number): boolean {
    if (event >= this.limit) return true
    const { clocks, movers, mover, ordinal } = this.execution.events
    const row = event * movers
    for (const out of this.cut) if (clocks[row + mover[out]!]! > ordinal[out]!) return true
    return false
  }

  /** Whether a process's operation at a node, which may block, is enabled. */
  enabled(process: number, operation: Operation<unknown>): boolean {
    this.actAs(process)
    this.noting = false
    if (operation.drains && !this.isDrained()) return false
    try {
      return operation.guard === undefined || operation.guard(this)
    } catch (error) {
      throw guestThrew(`"${operation.label}"`, error)
    }
  }

  /** The set of accesses that an event has when it comes next, or {@link BLOCKED}. */
  accessOf(event: number): number {
    const { execution } = this
    const mover = execution.events.mover[event]!
    if (mover >= execution.processes) return this.drainAccess(event, mover - execution.processes)
    return this.operationAccess(mover, execution.operationOf(event))
  }

  /** The same for the operation that a process has not come to carry out. */
  operationAccess(process: number, operation: Operation<unknown>): number {
    if (operation.guard !== undefined || operation.drains) {
      if (!this.enabled(process, operation)) return BLOCKED
    }
    this.begin(process)
    try {
      if (operation.guard !== undefined) {
        const { loads = [], reads = [] } = operation.footprint()
        for (const cell of loads) this.load(cell)
        for (const cell of reads) this.get(cell)
      }
      operation.apply(this, 0)
      const { commit } = operation
      if (commit !== undefined && this.stores === undefined) commit.apply(this)
    } catch (error) {
      throw guestThrew(`"${operation.label}"`, error)
    }
    return this.execution.notes.set
  }

  private drainAccess(event: number, process: number): number {
    const { events, stores } = this.execution
    const commit = stores[process]!.commits[events.ordinal[event]!]!
    this.begin(process)
    this.stores = undefined
    try {
      commit.apply(this)
    } catch (error) {
      throw guestThrew(`"${commit.label}"`, error)
    }
    return this.execution.notes.set
  }

  private begin(process: number): void {
    this.actAs(process)
    this.noting = true
    this.own.clear()
    this.execution.notes.begin()
  }

  private actAs(process: number): void {
    this.process = process
    this.stores = this.execution.stores[process]
    if (this.own.size > 0) this.own.clear()
  }

  // Memory -----------------------------------------------------------------------------------------------------------

  get(cell: Cell): number {
    if (this.noting) this.execution.notes.read(cell)
    return this.peek(cell)
  }

  peek(cell: Cell): number {
    if (this.own.size > 0) {
      const own = this.own.get(cell)
      if (own !== undefined) return own
    }
    const { versions } = this.execution
    let value = versions.values[cell]!
    for (let at = versions.newest[cell]!; at !== INITIAL; at = versions.previous[at]!) {
      if (!this.excludes(versions.writer[at]!)) break
      value = versions.replaced[at]!
    }
    return value
  }

  load(cell: Cell): number {
    const pending = this.pending(cell)
    if (pending >= 0) {
      if (this.noting) this.execution.notes.own(cell, pending)
      return this.stores!.commits[pending]!.value
    }
    // An own store that has drained already is like any other.
    return this.get(cell)
  }

  set(cell: Cell, value: number): void {
    if (this.noting) this.execution.notes.write(cell)
    this.own.set(cell, value)
  }

  violate(): void {}

  // Store buffers ----------------------------------------------------------------------------------------------------

  /** The newest store to a cell that is in the buffer then; -1 when there is none. */
  private pending(cell: number): number {
    const { stores } = this
    if (stores === undefined) return -1
    for (let i = stores.issued - 1; i >= 0; i--) {
      if (this.hasDrained(stores, i)) return -1
      if (stores.commits[i]!.cell === cell && !this.excludes(stores.events[i]!)) return i
    }
    return -1
  }

  private hasDrained(stores: Stores, store: number): boolean {
    if (store >= stores.drained) return false
    const { events, processes } = this.execution
    return !this.excludes(events.nth(processes + this.process, store))
  }

  private isDrained(): boolean {
    const { stores } = this
    if (stores === undefined) return true
    for (let i = stores.issued - 1; i >= 0; i--) {
      if (this.excludes(stores.events[i]!)) continue
      return this.hasDrained(stores, i)
    }
    return true
  }
}
