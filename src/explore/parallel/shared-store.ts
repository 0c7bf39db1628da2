/**
 * The states of one member of a team, as a `StateStore` has them, in memory that the other members can read: while a slice of
 * the queue is expanded nobody writes it, so that all can ask whether a state is known, and under which number.
 */
import { type SharedBuffer, SharedMemory } from './words.ts'

/** Words before the first state: how many states there are, and the mask of the table. */
const SIZE = 0
const MASK = 1
const HEADER = 2
/** Words that each state has beside it: its parent, the action that led here, its number. */
const PARENT = 0
const ACTION = 1
const NUMBER = 2
const EXTRA = 3

const FIRST_TABLE = 1 << 10

export interface StoreBuffers {
  readonly states: SharedBuffer
  readonly table: SharedBuffer
}

export class SharedStore {
  private readonly words: number
  private readonly stride: number
  private readonly states: SharedMemory
  /** Pairs of (index + 1, hash). */
  private readonly table: SharedMemory

  constructor(words: number, { states, table }: StoreBuffers) {
    this.words = words
    this.stride = words + EXTRA
    this.states = new SharedMemory(states)
    this.table = new SharedMemory(table)
  }

  /** The owner begins with nothing. */
  clear(): void {
    this.states.data[SIZE] = 0
    this.states.data[MASK] = FIRST_TABLE - 1
    this.table.reserve(2 * FIRST_TABLE)
    this.table.data.fill(0)
  }

  /** Sees what the owner has added. */
  refresh(): void {
    this.states.refresh()
    this.table.refresh()
  }

  get size(): number {
    return this.states.data[SIZE]!
  }

  get bytes(): number {
    return 4 * (this.size * this.stride + 2 * (this.states.data[MASK]! + 1))
  }

  /** The index of a state, or -1. */
  find(state: Uint32Array, hash: number): number {
    const slot = this.slotOf(state, hash)
    return this.table.data[slot * 2]! - 1
  }

  /** The slot where a state is, or could be. */
  private slotOf(state: Uint32Array, hash: number): number {
    const { words, stride } = this
    const states = this.states.data
    const table = this.table.data
    const mask = states[MASK]!
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = table[slot * 2]!
      if (found === 0) return slot
      if (table[slot * 2 + 1] !== hash) continue
      const base = HEADER + (found - 1) * stride
      let i = 0
      while (i < words && states[base + i] === state[i]) i++
      if (i === words) return slot
    }
  }

  /** Adds a state if it is not known; true when it is new. */
  add(state: Uint32Array, parent: number, action: number, hash: number): boolean {
    const slot = this.slotOf(state, hash)
    if (this.table.data[slot * 2] !== 0) return false
    const index = this.size
    const base = HEADER + index * this.stride
    this.states.reserve(base + this.stride)
    const { data } = this.states
    for (let i = 0; i < this.words; i++) data[base + i] = state[i]!
    data[base + this.words + PARENT] = parent
    data[base + this.words + ACTION] = action
    data[SIZE] = index + 1
    this.table.data[slot * 2] = index + 1
    this.table.data[slot * 2 + 1] = hash
    if ((index + 1) * 4 > (data[MASK]! + 1) * 3) this.rehash()
    return true
  }

  private rehash(): void {
    const entries = 2 * (this.states.data[MASK]! + 1)
    const old = this.table.data.slice(0, entries)
    this.table.reserve(2 * entries)
    const table = this.table.data
    table.fill(0, 0, 2 * entries)
    const mask = entries - 1
    for (let i = 0; i < entries; i += 2) {
      if (old[i] === 0) continue
      let slot = old[i + 1]! & mask
      while (table[slot * 2] !== 0) slot = (slot + 1) & mask
      table[slot * 2] = old[i]!
      table[slot * 2 + 1] = old[i + 1]!
    }
    this.states.data[MASK] = mask
  }

  /** Copies a state out. */
  read(index: number, into: Uint32Array): void {
    const base = HEADER + index * this.stride
    for (let i = 0; i < this.words; i++) into[i] = this.states.data[base + i]!
  }

  parent(index: number): number {
    return this.extra(index, PARENT)
  }

  action(index: number): number {
    return this.extra(index, ACTION)
  }

  number(index: number): number {
    return this.extra(index, NUMBER)
  }

  setNumber(index: number, number: number): void {
    this.states.data[HEADER + index * this.stride + this.words + NUMBER] = number
  }

  private extra(index: number, which: number): number {
    return this.states.data[HEADER + index * this.stride + this.words + which]!
  }
}
