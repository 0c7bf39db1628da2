/**
 * Memory with its history: every write of a cell makes a version, which knows the one before, the value it replaced, and who
 * had read that. What an event has done is taken back by `undo`.
 */
import type { CellTable } from '../../core/cells.ts'
import { room } from './events.ts'

/** No version: the cell has its initial value. */
export const INITIAL = -1
/** The end of a list of readers. */
export const NONE = -1

export class Versions {
  readonly values: Uint32Array
  /** The newest version of each cell. */
  readonly newest: Int32Array
  /** Readers of each cell's newest version, as a list. */
  readonly readers: Int32Array
  /** Loads that were forwarded from a store that is still in its buffer, by the store's event, as a list. */
  forwarded = new Int32Array(64)
  /** By version: who wrote it, which cell, what was there before. */
  writer = new Int32Array(64)
  cell = new Int32Array(64)
  replaced = new Uint32Array(64)
  previous = new Int32Array(64)
  previousReaders = new Int32Array(64)
  versions = 0
  /** Entries of the lists of readers. */
  reader = new Int32Array(64)
  next = new Int32Array(64)
  entries = 0
  /** The list that an entry was put on: a cell, or the complement of a store's event. */
  private list = new Int32Array(64)
  private firstVersion = new Int32Array(64)
  private firstEntry = new Int32Array(64)

  constructor(cells: CellTable) {
    this.values = Uint32Array.from(cells.cells, ({ initial }) => initial)
    this.newest = new Int32Array(cells.size).fill(INITIAL)
    this.readers = new Int32Array(cells.size).fill(NONE)
  }

  begin(event: number): void {
    if (event >= this.firstVersion.length) {
      this.firstVersion = room(this.firstVersion, event + 1)
      this.firstEntry = room(this.firstEntry, event + 1)
      this.forwarded = room(this.forwarded, event + 1)
    }
    this.firstVersion[event] = this.versions
    this.firstEntry[event] = this.entries
    this.forwarded[event] = NONE
  }

  /** The first version that an event has made; its others follow. */
  versionsOf(event: number): number {
    return this.firstVersion[event]!
  }

  /** The first write of a cell by an event. `readers`: who has read the new value already, from the store buffer. */
  write(event: number, cell: number, value: number, readers: number): void {
    const version = this.versions++
    if (version >= this.writer.length) this.growVersions()
    this.writer[version] = event
    this.cell[version] = cell
    this.replaced[version] = this.values[cell]!
    this.previous[version] = this.newest[cell]!
    this.previousReaders[version] = this.readers[cell]!
    this.newest[cell] = version
    this.readers[cell] = readers
    this.values[cell] = value
  }

  /** An event has read a cell's newest version. */
  addReader(event: number, cell: number): void {
    this.readers[cell] = this.addEntry(event, this.readers[cell]!, cell)
  }

  /** An event has loaded what a store, not yet drained, holds. */
  addForwarded(event: number, store: number): void {
    this.forwarded[store] = this.addEntry(event, this.forwarded[store]!, ~store)
  }

  undo(event: number): void {
    const firstVersion = this.firstVersion[event]!
    while (this.versions > firstVersion) {
      const version = --this.versions
      const cell = this.cell[version]!
      this.values[cell] = this.replaced[version]!
      this.newest[cell] = this.previous[version]!
      this.readers[cell] = this.previousReaders[version]!
    }
    const firstEntry = this.firstEntry[event]!
    while (this.entries > firstEntry) {
      const entry = --this.entries
      const list = this.list[entry]!
      if (list >= 0) this.readers[list] = this.next[entry]!
      else this.forwarded[~list] = this.next[entry]!
    }
  }

  private addEntry(event: number, next: number, list: number): number {
    const entry = this.entries++
    if (entry >= this.reader.length) {
      this.reader = room(this.reader, entry + 1)
      this.next = room(this.next, entry + 1)
      this.list = room(this.list, entry + 1)
    }
    this.reader[entry] = event
    this.next[entry] = next
    this.list[entry] = list
    return entry
  }

  private growVersions(): void {
    const size = this.writer.length * 2
    this.writer = room(this.writer, size)
    this.cell = room(this.cell, size)
    this.previous = room(this.previous, size)
    this.previousReaders = room(this.previousReaders, size)
    const replaced = new Uint32Array(size)
    replaced.set(this.replaced)
    this.replaced = replaced
  }
}
