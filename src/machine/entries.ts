/** Page-table entries: 64-bit words as the hardware reads them, with a ghost: the frame's incarnation that the writer saw. */
import { Interner } from '../core/plain.ts'

/** A 48- or 57-bit virtual address, canonical. */
export type VirtualAddress = bigint

/** Levels of tables: a level-1 table holds PTEs, level 2 PMDs, 3 PUDs, 4 P4Ds (the PGD of 4-level paging), 5 the PGD. */
export type Level = 1 | 2 | 3 | 4 | 5

/** What software holds when it holds a page: its frame number, and which life of that frame it was given. */
export interface FrameRef {
  readonly [key: string]: number
  readonly pfn: number
  readonly incarnation: number
}

/** Attributes of an entry, as the format encodes them. */
export interface EntryAttributes {
  readonly writable?: boolean
  readonly user?: boolean
  readonly dirty?: boolean
  readonly global?: boolean
  /** A large page (PS); only above level 1. */
  readonly huge?: boolean
}

/** What the bits of an entry say: read once, when it is made. */
interface Decoded {
  readonly present: boolean
  readonly huge: boolean
  readonly frame: FrameRef
}

const DECODED: unique symbol = Symbol('decoded')

/** An entry. `raw` has the bits of the chosen format; 0n is "none". */
export interface Entry {
  readonly raw: bigint
  /** Life of the frame that the entry was made for. */
  readonly incarnation: number
  /** No part of its value. */
  readonly [DECODED]?: Decoded
}

const PRESENT = 1n << 0n
const WRITABLE = 1n << 1n
const USER = 1n << 2n
const ACCESSED = 1n << 5n
const DIRTY = 1n << 6n
const PAGE_SIZE_BIT = 1n << 7n
const GLOBAL = 1n << 8n
const FRAME_MASK = 0x000f_ffff_ffff_f000n

function entryOf(raw: bigint, incarnation: number): Entry {
  const entry: Entry = { raw, incarnation }
  // Out of sight of whoever compares values, or prints them.
  Object.defineProperty(entry, DECODED, { value: decode(raw, incarnation) })
  return entry
}

function decode(raw: bigint, incarnation: number): Decoded {
  const present = (raw & PRESENT) !== 0n
  return {
    present,
    huge: present && (raw & PAGE_SIZE_BIT) !== 0n,
    frame: { pfn: Number((raw & FRAME_MASK) >> 12n), incarnation },
  }
}

function decoded(entry: Entry): Decoded {
  return entry[DECODED] ?? decode(entry.raw, entry.incarnation)
}

export const NONE: Entry = entryOf(0n, 0)

/** The entry with these attribute bits. */
export function entryFromBits(pfn: bigint, bits: bigint, incarnation: number): Entry {
  return entryOf((pfn << 12n) | bits, incarnation)
}

/** Bits of {@link EntryTable.flags}; `giant` is added to the translations of 1 GiB pages, which are `huge` too. */
export const FLAG = { writable: 1, user: 2, dirty: 4, global: 8, huge: 16, giant: 32 } as const

/** A present x86 entry. A is always set (MACHINE 1.9). */
export function makeEntry(
  ref: FrameRef,
  attributes: EntryAttributes = { writable: true, user: true },
): Entry {
  let raw = PRESENT | ACCESSED | (BigInt(ref.pfn) << 12n)
  if (attributes.writable) raw |= WRITABLE
  if (attributes.user) raw |= USER
  if (attributes.dirty) raw |= DIRTY
  if (attributes.huge) raw |= PAGE_SIZE_BIT
  if (attributes.global) raw |= GLOBAL
  return entryOf(raw, ref.incarnation)
}

/** An entry that is not present but keeps its frame: a migration or NUMA-hinting entry. */
export function makeNonPresent(ref: FrameRef): Entry {
  return entryOf(BigInt(ref.pfn) << 12n, ref.incarnation)
}

export function isNone(entry: Entry): boolean {
  return entry.raw === 0n
}

export function isPresent(entry: Entry): boolean {
  return decoded(entry).present
}

/** A present entry above level 1 that maps a large page. */
export function isHuge(entry: Entry): boolean {
  return decoded(entry).huge
}

export function isWritable(entry: Entry): boolean {
  return (entry.raw & WRITABLE) !== 0n
}

/** The same entry without write permission (`ptep_set_wrprotect`). */
export function writeProtect(entry: Entry): Entry {
  return entryOf(entry.raw & ~(WRITABLE | DIRTY), entry.incarnation)
}

/** The frame that an entry names. */
export function entryFrame(entry: Entry): FrameRef {
  return decoded(entry).frame
}

export function sameEntry(a: Entry, b: Entry): boolean {
  return a.raw === b.raw && a.incarnation === b.incarnation
}

/** The index of an address into a table of a level. */
export function tableIndex(va: VirtualAddress, level: Level): number {
  return Number((va >> BigInt(12 + 9 * (level - 1))) & 511n)
}

/** What an entry of a level serves: addresses with equal regions share it. */
export function region(va: VirtualAddress, level: Level): bigint {
  return va >> BigInt(12 + 9 * (level - 1))
}

/** The name of a tracked address in messages and diagrams: `v`, `v1`, ... */
export function addressName(tracked: number): string {
  return tracked === 0 ? 'v' : `v${tracked}`
}

/** The name that the kernel gives an entry of a level. */
export function levelName(level: Level, top: Level): string {
  if (level === top) return 'PGD'
  return ['', 'PTE', 'PMD', 'PUD', 'P4D', 'PGD'][level] as string
}

/** Entries by number, decoded once into flat arrays: what hardware walks look at. Number 0 is "none". */
export class EntryTable {
  private readonly interner = new Interner<Entry>()
  readonly present: boolean[] = []
  readonly pfn: number[] = []
  readonly incarnation: number[] = []
  /** {@link FLAG} bits. */
  readonly flags: number[] = []

  constructor() {
    this.id(NONE)
  }

  id(entry: Entry): number {
    const id = this.interner.id(entry)
    if (id === this.present.length) this.decodeInto(entry)
    return id
  }

  entry(id: number): Entry {
    return this.interner.value(id)
  }

  private decodeInto(entry: Entry): void {
    const bit = (mask: bigint, flag: number) => ((entry.raw & mask) !== 0n ? flag : 0)
    this.present.push((entry.raw & PRESENT) !== 0n)
    this.pfn.push(entryFrame(entry).pfn)
    this.incarnation.push(entry.incarnation)
    this.flags.push(
      bit(WRITABLE, FLAG.writable) |
        bit(USER, FLAG.user) |
        bit(DIRTY, FLAG.dirty) |
        bit(GLOBAL, FLAG.global) |
        bit(PAGE_SIZE_BIT, FLAG.huge),
    )
  }
}
