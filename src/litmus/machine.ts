/** Places in memory as cells, and the operations on them: a store buffer under TSO, none under SC. */
import { type Cell, CellTable } from '../core/cells.ts'
import { type Memory, Operation } from '../core/operation.ts'
import { type Handle, newHandleId } from '../core/plain.ts'
import type { LitmusTest, MemoryModel } from './ast.ts'
import { Events } from './events.ts'
import { Places } from './places.ts'
import type { RegisterFile } from './registers.ts'
import { Sizes } from './sizes.ts'

/** How a thread ended. */
export interface Final {
  readonly registers: RegisterFile
  /** It went round a loop more often than the limit allows: no complete execution. */
  readonly tooFar: boolean
}

export interface PlaceCells {
  /** The last write. */
  readonly last: Cell
  /** The order of all writes so far: a ghost that goes with {@link last}. */
  readonly order: Cell
}

/** The shared state of one test under one memory model. */
export class LitmusMachine implements Handle {
  readonly handleId = newHandleId()
  readonly test: LitmusTest
  readonly model: MemoryModel
  /** How often each backward jump may be taken. */
  readonly unroll: number
  readonly table = new CellTable()
  readonly places: Places
  readonly sizes: Sizes
  readonly events = new Events()
  readonly cells: readonly PlaceCells[]
  /** Per thread: how it ended. */
  readonly ends: readonly Cell[]
  private readonly finals: Final[] = []
  private readonly finalIds = new Map<string, number>()

  constructor(test: LitmusTest, model: MemoryModel, unroll: number) {
    this.test = test
    this.model = model
    this.unroll = unroll
    this.places = new Places(test)
    this.sizes = new Sizes(this.places)
    this.cells = this.places.places.map(({ name }) => ({
      last: this.table.add(name, 4),
      order: this.table.add(`order of ${name}`, 4),
    }))
    this.ends = test.threads.map((_, thread) => this.table.add(`end of P${thread}`, 6))
  }

  /** The value that a write has put into a place. */
  valueOf(place: number, event: number): bigint {
    return event === 0 ? (this.places.places[place]?.initial ?? 0n) : this.events.valueOf(event)
  }

  /** Gives the event that is read. */
  load(place: number, label: string): Operation<number> {
    const { last } = this.cells[place] as PlaceCells
    return new Operation<number>({
      kind: 'load',
      label,
      footprint: () => ({ loads: [last] }),
      apply: (memory) => memory.load(last),
      decode: (raw) => raw,
      explain: (raw) => this.show(place, raw),
    })
  }

  store(place: number, event: number, label: string): Operation<void> {
    const { last, order } = this.cells[place] as PlaceCells
    const footprint = () => ({ writes: [last, order], reads: [order] })
    const apply = (memory: Memory) => this.put(memory, place, event)
    if (this.model === 'sc') {
      const effect = (memory: Memory) => {
        apply(memory)
        return 0
      }
      return new Operation<void>({ kind: 'store', label, footprint, apply: effect })
    }
    const commit = { key: `${last}=${event}`, cell: last, value: event, label, footprint, apply }
    return new Operation<void>({ kind: 'store', label, commit })
  }

  /** A locked read-modify-write; `update` gives the event to put there, or undefined to leave it alone. */
  lockedUpdate(
    place: number,
    label: string,
    update: (read: number) => number | undefined,
  ): Operation<number> {
    const { last, order } = this.cells[place] as PlaceCells
    return new Operation<number>({
      kind: 'rmw',
      label,
      drains: true,
      footprint: () => ({ reads: [last, order], writes: [last, order] }),
      apply: (memory) => {
        const read = memory.get(last)
        const event = update(read)
        if (event !== undefined) this.put(memory, place, event)
        return read
      },
      decode: (raw) => raw,
      explain: (raw) => this.show(place, raw),
    })
  }

  /** MFENCE. */
  fence(): Operation<void> {
    return new Operation<void>({ kind: 'fence', label: 'mfence', drains: true })
  }

  /** The thread has ended; `reads` are the events that it has read, in program order. */
  end(thread: number, reads: readonly number[], final: Final): Operation<void> {
    const cell = this.ends[thread] as Cell
    const key = `${thread}:${reads.join()}${final.tooFar ? '!' : ''}`
    let id = this.finalIds.get(key)
    if (id === undefined) {
      id = this.finals.push(final)
      this.finalIds.set(key, id)
    }
    const value = id
    return new Operation<void>({
      kind: 'local',
      label: 'end',
      footprint: () => ({ writes: [cell] }),
      apply: (memory) => {
        memory.set(cell, value)
        return 0
      },
    })
  }

  /** How a thread ended, by the value of its cell. */
  finalOf(id: number): Final {
    return this.finals[id - 1] as Final
  }

  private put(memory: Memory, place: number, event: number): void {
    const { last, order } = this.cells[place] as PlaceCells
    memory.set(last, event)
    memory.set(order, this.events.append(memory.get(order), event))
  }

  private show(place: number, event: number): string {
    return String(BigInt.asIntN(64, this.valueOf(place, event)))
  }
}
