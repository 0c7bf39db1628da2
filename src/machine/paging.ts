/** Page-table words: how software reads and writes them, and what a change means for the hardware's walks. */
import type { Cell } from '../core/cells.ts'
import { type Commit, type Footprint, type Memory, Operation, type Removable } from '../core/operation.ts'
import { checkUsable, union, usableFootprint } from './checks.ts'
import {
  addressName,
  type Entry,
  entryFrame,
  type FrameRef,
  isHuge,
  isNone,
  isPresent,
  type Level,
  levelName,
  tableIndex,
  type VirtualAddress,
} from './entries.ts'
import type { Machine } from './machine.ts'
import { UNCHECKED } from './made.ts'
import type { AddressSpace, Lookup } from './spaces.ts'
import { storeOperation } from './variables.ts'

/** A word of a table that software holds a reference to. */
export interface EntrySlot {
  readonly machine: Machine
  readonly table: FrameRef
  readonly level: Level
  readonly va: VirtualAddress
}

/** The slot of a table that serves an address. */
export function slot(machine: Machine, table: FrameRef, level: Level, va: VirtualAddress): EntrySlot {
  return { machine, table, level, va }
}

/** `PMD[v]`. */
function slotName({ machine, level, va }: EntrySlot): string {
  const tracked = machine.translations.tracked(va)
  const address = tracked === undefined ? `0x${va.toString(16)}` : addressName(tracked)
  return `${levelName(level, machine.top)}[${address}]`
}

function slotCell({ machine, table, level, va }: EntrySlot): Cell {
  const cell = machine.word(machine.frameIndex(table.pfn), machine.indexOf(va, level))
  if (cell === undefined) {
    throw new RangeError(
      `${machine.frameName(table.pfn)} has no word for 0x${va.toString(16)} at level ${level}: track the address, and allow the frame as a table of that level`,
    )
  }
  return cell
}

/** `T`, or `none`: as diagrams show an entry. */
export function showEntry(machine: Machine, entry: Entry): string {
  if (isNone(entry)) return 'none'
  const name = machine.frameName(entryFrame(entry).pfn)
  return isPresent(entry) ? name : `not present (${name})`
}

function lifeOf(machine: Machine, table: FrameRef): Cell[] {
  const frame = machine.frameIndex(table.pfn)
  return [machine.owner[frame]!, machine.incarnation[frame]!]
}

/** Software dereferences a table: it must be alive, in the life that the software knows (MACHINE 5.1, 5.5). */
function checkDereference(at: EntrySlot, memory: Memory, doing: string): boolean {
  const { machine, table } = at
  const [owner, incarnation] = lifeOf(machine, table) as [Cell, Cell]
  const by = machine.owners.value(memory.get(owner))
  const same = memory.get(incarnation) === table.incarnation
  if (same && by.use === 'table' && by.level === at.level) return true
  const name = machine.frameName(table.pfn)
  const reused = by.use === 'table'
  const now =
    by.use === 'free'
      ? 'has been freed'
      : reused
        ? `is by now a table of ${by.space}`
        : 'has been freed and reused as data'
  memory.violate({
    property: reused ? 'table ownership' : 'page-table lifetime',
    message: `${doing} ${slotName(at)} in page-table page ${name}, which ${now}`,
    cells: [owner],
  })
  return false
}

/** A software walker reads an entry: one load of one word of a table. */
export function readEntry(at: EntrySlot): Operation<Entry> {
  const { machine, table, level, va } = at
  const cell = slotCell(at)
  const known = machine.reads.get(cell)
  if (
    known !== undefined &&
    known.at.table.incarnation === table.incarnation &&
    known.at.va === va &&
    known.at.level === level
  )
    return known.operation
  const operation = entryRead(at, cell)
  machine.reads.set(cell, { at, operation })
  return operation
}

function entryRead(at: EntrySlot, cell: Cell): Operation<Entry> {
  const { machine } = at
  return new Operation<Entry>({
    kind: 'load',
    label: () => `read ${slotName(at)}`,
    footprint: () => ({ loads: [cell], reads: lifeOf(machine, at.table) }),
    apply: (memory) => (checkDereference(at, memory, 'a walker reads') ? memory.load(cell) : 0),
    decode: (raw) => machine.entries.entry(raw),
    explain: (raw) => showEntry(machine, machine.entries.entry(raw)),
  })
}

/** What writing one entry touches: the word, the stale sets, and, where it makes something usable, who can use it. */
function writeFootprint(at: EntrySlot, entry: Entry): Footprint {
  const { machine } = at
  const lookups = machine.lookups.map((lookup) => lookup.cell)
  return union(
    { writes: [slotCell(at), ...lookups], reads: lifeOf(machine, at.table) },
    machine.translations.changeFootprint(),
    isPresent(entry)
      ? union(usableFootprint(machine, machine.cpus), { writes: machine.cpus.map((cpu) => cpu.reach) })
      : {},
  )
}

/** The entry changes in memory: from now on walks read the new one, and what the old one gave is stale (MACHINE 1.7). */
function commitEntry(at: EntrySlot, entry: Entry, memory: Memory): void {
  const { machine } = at
  // A store into a table that has been freed lands all the same.
  checkDereference(at, memory, 'software writes')
  const cell = slotCell(at)
  const id = machine.entries.id(entry)
  if (memory.get(cell) === id) return
  if (machine.timed) {
    memory.set(cell, id)
    return
  }
  machine.translations.entryChanges(memory, machine.frameIndex(at.table.pfn), tableIndex(at.va, at.level))
  memory.set(cell, id)
  noteLookups(machine, memory)
  if (isPresent(entry)) for (const cpu of machine.cpus) checkUsable(machine, memory, cpu)
}

/** What looks at a frame depend on is known beforehand only if frames are mapped as data that may be. */
function checkMappable({ machine, level }: EntrySlot, entry: Entry): void {
  if (!isPresent(entry) || (level > 1 && !isHuge(entry))) return
  const { pfn } = entryFrame(entry)
  if (!machine.isTableOnly(machine.frameIndex(pfn))) return
  throw new RangeError(
    `${machine.frameName(pfn)} begins as a page table and is mapped: declare it with \`data: true\``,
  )
}

/** A store of an entry to its word. */
class EntryStore implements Commit {
  readonly cell: Cell
  readonly value: number
  private readonly at: EntrySlot
  private readonly entry: Entry

  constructor(at: EntrySlot, cell: Cell, entry: Entry, value: number) {
    this.cell = cell
    this.value = value
    this.at = at
    this.entry = entry
  }

  get key(): string {
    return `${this.cell}=${this.value}`
  }

  get label(): string {
    return `${slotName(this.at)} = ${showEntry(this.at.machine, this.entry)}`
  }

  footprint(): Footprint {
    return writeFootprint(this.at, this.entry)
  }

  apply(memory: Memory): void {
    commitEntry(this.at, this.entry, memory)
  }
}

/** `set_pte()` and its relatives: a plain store. */
export function writeEntry(at: EntrySlot, entry: Entry): Operation<void> {
  const { machine } = at
  const cell = slotCell(at)
  const value = machine.entries.id(entry)
  checkMappable(at, entry)
  const commit = new EntryStore(at, cell, entry, value)
  return storeOperation(machine.options.memoryModel === 'tso', commit)
}

/** `ptep_get_and_clear()` and its relatives: a locked exchange; gives the old entry. */
export function xchgEntry(at: EntrySlot, entry: Entry, removable?: Removable): Operation<Entry> {
  const { machine } = at
  const cell = slotCell(at)
  checkMappable(at, entry)
  return new Operation<Entry>({
    kind: 'rmw',
    label: () => `xchg(${slotName(at)}, ${showEntry(machine, entry)})`,
    drains: true,
    footprint: () => writeFootprint(at, entry),
    apply: (memory) => {
      const old = memory.get(cell)
      commitEntry(at, entry, memory)
      return old
    },
    decode: (raw) => machine.entries.entry(raw),
    explain: (raw) => showEntry(machine, machine.entries.entry(raw)),
    ...(removable && { removable }),
  })
}

/** What software would find for an address now, walking from the root: the frame, or undefined. */
function translate(machine: Machine, memory: Memory, space: AddressSpace, va: number): FrameRef | undefined {
  let found: FrameRef | undefined
  const start = {
    frame: machine.frameIndex(space.root.pfn),
    level: machine.top,
    incarnation: space.root.incarnation,
    flags: 0,
  }
  machine.translations.walkFrom(memory, va, start, {
    leaf: (frame, incarnation) => {
      found = { pfn: machine.pfn(frame), incarnation }
    },
  })
  return found
}

/** Adds what an address translates to by now to every software walk under way (MACHINE 5.2). */
function noteLookups(machine: Machine, memory: Memory): void {
  for (const lookup of machine.lookups) {
    const now = lookup.decode(memory.get(lookup.cell))
    const space = machine.spaces.find((candidate) => candidate.name === now?.space)
    if (now === null || space === undefined) continue
    const frame = translate(machine, memory, space, now.va)
    if (
      frame === undefined ||
      now.frames.some((seen) => seen.pfn === frame.pfn && seen.incarnation === frame.incarnation)
    ) {
      continue
    }
    const next: Lookup = { ...now, frames: [...now.frames, frame] }
    memory.set(lookup.cell, lookup.encode(next))
  }
}

/** A software walk that may return a pin begins: what it returns must have been the address's translation at some instant. */
export function beginLookup(
  machine: Machine,
  cpu: number,
  space: AddressSpace,
  va: VirtualAddress,
): Operation<void> {
  if (machine.timed) return UNCHECKED
  const tracked = machine.translations.tracked(va)
  const lookup = machine.lookups[cpu]!
  return new Operation<void>({
    kind: 'local',
    label: 'the walk begins',
    footprint: () => ({ reads: machine.allWords, writes: [lookup.cell] }),
    apply: (memory) => {
      if (tracked === undefined) return 0
      const frame = translate(machine, memory, space, tracked)
      const frames = frame === undefined ? [] : [frame]
      memory.set(lookup.cell, lookup.encode({ space: space.name, va: tracked, frames }))
      return 0
    },
  })
}

/** The walk ends: with a pinned frame, or with nothing. */
export function endLookup(machine: Machine, cpu: number, pinned: FrameRef | null): Operation<void> {
  if (machine.timed) return UNCHECKED
  const lookup = machine.lookups[cpu]!
  const frame = pinned === null ? undefined : machine.frameIndex(pinned.pfn)
  const copies = machine.options.copies === true
  const ghosts =
    frame === undefined ? [] : [machine.pins[frame]!, ...(copies ? [machine.copied[frame]!] : [])]
  return new Operation<void>({
    kind: 'local',
    label:
      pinned === null
        ? 'the walk finds nothing'
        : `the walk returns ${machine.frameName(pinned.pfn)}, pinned`,
    footprint: () => ({ reads: [lookup.cell], writes: [lookup.cell, ...ghosts] }),
    apply: (memory) => {
      const now = lookup.decode(memory.get(lookup.cell))
      memory.set(lookup.cell, lookup.encode(null))
      if (pinned === null || frame === undefined || now === null) return 0
      if (!now.frames.some((seen) => seen.pfn === pinned.pfn && seen.incarnation === pinned.incarnation)) {
        memory.violate({
          property: 'reference validity',
          message: `the walker returns a pin on ${machine.frameName(pinned.pfn)}, which was never ${addressName(now.va)} during the call`,
          cells: [lookup.cell],
        })
      }
      memory.set(machine.pins[frame]!, memory.get(machine.pins[frame]!) + 1)
      if (copies && memory.get(machine.copied[frame]!) === 1) memory.set(machine.copied[frame]!, 2)
      return 0
    },
  })
}

/** A returned pin is given back (`unpin_user_page`), before its reference is. */
export function unpin(machine: Machine, ref: FrameRef): Operation<void> {
  if (machine.timed) return UNCHECKED
  const pins = machine.pins[machine.frameIndex(ref.pfn)]!
  return new Operation<void>({
    kind: 'local',
    label: `unpin ${machine.frameName(ref.pfn)}`,
    footprint: () => ({ reads: [pins], writes: [pins] }),
    apply: (memory) => {
      memory.set(pins, Math.max(0, memory.get(pins) - 1))
      return 0
    },
  })
}
