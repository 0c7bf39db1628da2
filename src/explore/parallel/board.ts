/** What the members of a team show each other while they search together. */
import { SharedStore, type StoreBuffers } from './shared-store.ts'
import { newSharedBuffer, type SharedBuffer, SharedWords } from './words.ts'

/** Words of a member's notice. */
const FIELDS = 12
const VIOLATING = 0
const ORDINAL = 1
const ACTION = 2
const STOP = 3
const NEW = 4
const TAKEN = 5
const BYTES = 6
const FOUND = 7

/** No state has this number. */
export const NOBODY = 0xffffffff

/** Buffers, as they go to other threads. */
export interface BoardBuffers {
  readonly notices: SharedBuffer
  readonly lists: readonly SharedBuffer[]
  /** By member: its states. */
  readonly stores: readonly StoreBuffers[]
}

/** Most bytes of a member's states. */
const MOST_BYTES = 2 ** 32

export function newBoardBuffers(members: number, most = MOST_BYTES): BoardBuffers {
  const lists = members * members + 3 * members
  return {
    notices: new SharedArrayBuffer(4 * FIELDS * members),
    lists: Array.from({ length: lists }, () => newSharedBuffer(most / 16)),
    stores: Array.from({ length: members }, () => ({
      states: newSharedBuffer(most),
      table: newSharedBuffer(most / 4),
    })),
  }
}

/** A transition that violates a property: that of the state with the smallest number counts, as in a search by one. */
export interface Violating {
  readonly state: number
  readonly ordinal: number
  /** Packed; -1 where nobody can move. */
  readonly action: number
}

export function isBefore(a: Violating, b: Violating): boolean {
  return a.state < b.state || (a.state === b.state && a.ordinal < b.ordinal)
}

export const NO_VIOLATION: Violating = { state: NOBODY, ordinal: 0, action: -1 }

export class Board {
  readonly members: number
  private readonly notices: Int32Array
  private readonly lists: readonly SharedWords[]
  private readonly storeBuffers: readonly StoreBuffers[]
  /** By sender and receiver: successors. */
  private readonly streams: readonly SharedWords[]
  /** By member: states whose expansion has been put off. */
  readonly putOff: readonly SharedWords[]
  /** By member: where its new states come from. */
  readonly keys: readonly SharedWords[]
  /** By member: what deliveries have done (see cycles.ts). */
  readonly deliveries: readonly SharedWords[]

  constructor({ notices, lists, stores }: BoardBuffers) {
    this.notices = new Int32Array(notices)
    this.members = this.notices.length / FIELDS
    const words = lists.map((list) => new SharedWords(list))
    this.lists = words
    this.storeBuffers = stores
    const rest = this.members ** 2
    this.streams = words.slice(0, rest)
    this.putOff = words.slice(rest, rest + this.members)
    this.keys = words.slice(rest + this.members, rest + 2 * this.members)
    this.deliveries = words.slice(rest + 2 * this.members)
  }

  /** The stores of all members, for states of so many words. */
  newStores(words: number): readonly SharedStore[] {
    return this.storeBuffers.map((buffers) => new SharedStore(words, buffers))
  }

  /** Sees what others have added. */
  refresh(): void {
    for (const list of this.lists) list.refresh()
  }

  /** Somebody has put off a state. */
  get anyPutOff(): boolean {
    return this.putOff.some(({ size }) => size > 0)
  }

  stream(from: number, to: number): SharedWords {
    return this.streams[from * this.members + to]!
  }

  showViolation(member: number, { state, ordinal, action }: Violating): void {
    this.put(member, VIOLATING, state)
    this.put(member, ORDINAL, ordinal)
    this.put(member, ACTION, action)
  }

  /** The first violation that anybody shows. */
  get firstViolation(): Violating {
    let first = NO_VIOLATION
    for (let member = 0; member < this.members; member++) {
      const shown = {
        state: this.at(member, VIOLATING) >>> 0,
        ordinal: this.at(member, ORDINAL),
        action: this.at(member, ACTION),
      }
      if (isBefore(shown, first)) first = shown
    }
    return first
  }

  /** Only the leader looks at the clock. */
  showStop(stop: boolean): void {
    this.put(0, STOP, stop ? 1 : 0)
  }

  get stop(): boolean {
    return this.at(0, STOP) === 1
  }

  showMerged(member: number, states: number, transitions: number, bytes: number): void {
    this.put(member, NEW, states)
    this.put(member, TAKEN, transitions)
    this.put(member, BYTES, Math.round(bytes / 1024))
  }

  get newStates(): number {
    return this.sum(NEW)
  }

  get transitions(): number {
    return this.sum(TAKEN)
  }

  get bytes(): number {
    return this.sum(BYTES) * 1024
  }

  /** Shows, for one of two questions that are asked in turn, where a state comes from. */
  showOrigin(
    member: number,
    question: number,
    origin: readonly [parent: number, action: number] | undefined,
  ) {
    const at = FOUND + 2 * (question & 1)
    this.put(member, at, origin === undefined ? NOBODY : origin[0])
    this.put(member, at + 1, origin?.[1] ?? 0)
  }

  originShown(question: number): readonly [parent: number, action: number] | undefined {
    const at = FOUND + 2 * (question & 1)
    for (let member = 0; member < this.members; member++) {
      const parent = this.at(member, at) >>> 0
      if (parent !== NOBODY) return [parent, this.at(member, at + 1) >>> 0]
    }
    return undefined
  }

  private at(member: number, field: number): number {
    return this.notices[member * FIELDS + field]!
  }

  private put(member: number, field: number, value: number): void {
    this.notices[member * FIELDS + field] = value
  }

  private sum(field: number): number {
    let sum = 0
    for (let member = 0; member < this.members; member++) sum += this.at(member, field)
    return sum
  }
}
