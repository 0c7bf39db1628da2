/**
 * Races of operations that may block.
 *
 * An operation without a guard can be exchanged with each event that comes directly before it in happens-before. One that waits
 * for a condition cannot: right before the write that satisfied it, it was blocked; but it may have been enabled earlier
 * still. So all earlier writes of the cells that the guard reads are tried: the event and all that follows from it is cut off,
 * and where the operation is enabled without them, that is another execution (the prototype's await rule). A guard
 * over several cells may hold only when several events are cut off together. Operations that are blocked when nobody can move
 * any more are treated in the same way.
 */
import type { Operation } from '../../core/operation.ts'
import type { Execution } from './execution.ts'
import type { Past } from './past.ts'
import { INITIAL, NONE } from './versions.ts'

/** Combinations of cuts that are tried for one event, after which the search says that it cannot go on. */
const MAX_TRIES = 20_000

/** The second engine cannot explore a program: it answers `inconclusive`. */
export class Unsupported extends Error {}

export class Cuts {
  private readonly execution: Execution
  private readonly past: Past
  /** Candidates, latest first. */
  private readonly candidates: number[] = []
  private readonly cut: number[] = []
  private tries = 0

  constructor(execution: Execution, past: Past) {
    this.execution = execution
    this.past = past
  }

  /**
   * Finds the cuts under which an operation is enabled.
   *
   * @param event - the event of the operation, the execution's last one; -1 when the process is blocked at the end
   */
  find(
    process: number,
    operation: Operation<unknown>,
    event: number,
    found: (cut: readonly number[]) => void,
  ): void {
    this.gather(process, operation, event)
    this.tries = 0
    this.cut.length = 0
    const limit = event < 0 ? this.execution.events.size : event
    this.extend(0, process, operation, limit, found)
  }

  private extend(
    from: number,
    process: number,
    operation: Operation<unknown>,
    limit: number,
    found: (cut: readonly number[]) => void,
  ): void {
    const { cut, candidates, past, execution } = this
    for (let i = from; i < candidates.length; i++) {
      const candidate = candidates[i]!
      if (cut.some((other) => execution.events.before(candidate, other))) continue
      if (++this.tries > MAX_TRIES) {
        throw new Unsupported(`"${operation.label}" waits for too many writes at once`)
      }
      cut.push(candidate)
      past.goTo(cut, limit)
      if (past.enabled(process, operation)) found(cut)
      else this.extend(i + 1, process, operation, limit, found)
      cut.pop()
    }
  }

  /** Events in conflict with the operation that need not happen before it. */
  private gather(process: number, operation: Operation<unknown>, event: number): void {
    const { candidates } = this
    const { events, versions } = this.execution
    const previous = event < 0 ? events.last(process) : events.nth(process, events.ordinal[event]! - 1)
    const { processes, movers } = this.execution
    const drain = operation.drains && movers > processes ? events.last(processes + process) : -1
    const fixed = (other: number) =>
      (event >= 0 && (other === event || !events.before(other, event))) ||
      (previous >= 0 && events.before(other, previous)) ||
      (drain >= 0 && events.before(other, drain))
    candidates.length = 0
    const add = (other: number) => {
      if (!fixed(other) && !candidates.includes(other)) candidates.push(other)
    }
    const { loads = [], reads = [], writes = [] } = operation.footprint()
    const writers = (cell: number, loaded: boolean) => {
      for (let at = versions.newest[cell]!; at !== INITIAL; at = versions.previous[at]!) {
        const writer = versions.writer[at]!
        if (writer === event) continue
        if (loaded && this.isOwn(process, writer, cell)) return
        add(writer)
      }
    }
    for (const cell of loads)
      if ((this.execution.stores[process]?.newest(cell) ?? -1) < 0) writers(cell, true)
    for (const cell of reads) writers(cell, false)
    for (const cell of writes) {
      writers(cell, false)
      if (event < 0) continue
      const version = versions.newest[cell]!
      const written = version !== INITIAL && versions.writer[version] === event
      const readers = written ? versions.previousReaders[version]! : versions.readers[cell]!
      for (let at = readers; at !== NONE; at = versions.next[at]!) add(versions.reader[at]!)
    }
    candidates.sort((a, b) => b - a)
  }

  /** Whether a load takes this version from its own thread's store, which it does in every order. */
  private isOwn(process: number, writer: number, cell: number): boolean {
    const { events, processes, stores } = this.execution
    return (
      events.mover[writer] === processes + process &&
      stores[process]!.commits[events.ordinal[writer]!]!.cell === cell
    )
  }
}
