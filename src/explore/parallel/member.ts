/**
 * One of several threads that search together. Every state belongs to one member, by its hash. The queue of a breadth-first search
 * is cut into slices, and each slice goes through four phases, with a meeting of all members after the first and after the third:
 *
 * 1. {@link expandOwn}: each expands its own states of the slice, and sends every successor to the member that it belongs to.
 *    Nothing may be learnt meanwhile: a state that would teach something is put off.
 * 2. {@link settle}: all members expand all states that were put off, in one order, so that their automata stay the same.
 * 3. {@link merge}: each goes through the successors that belong to it, in the order in which one thread alone would have found
 *    them, and stores those that are new.
 * 4. {@link number}: new states get the numbers that a search by one thread would have given them. Where the proviso against ignoring
 *    asks for states' numbers, another meeting follows.
 *
 * So parents, counts, trails and the order of expansion do not depend on the number of members.
 */

import { withoutLearning } from '../../core/learning.ts'
import type { Violation } from '../../core/violation.ts'
import { packAction, unpackAction } from '../actions.ts'
import type { Engine } from '../engine.ts'
import { Expansion } from '../expansion.ts'
import { type SearchOptions, violationName } from '../search-options.ts'
import { hashOf, type StateStore } from '../store.ts'
import { type Board, NO_VIOLATION, type Violating } from './board.ts'
import type { SharedStore } from './shared-store.ts'
import type { SharedWords } from './words.ts'

/** Words of a successor before those of its state: its parent's number, its place among the parent's, the action, its hash. */
const HEAD = 4

export class Member {
  /** Number of states that all members have found. */
  total: number
  /** The first violation in the slice. */
  violation: Violating = NO_VIOLATION
  private readonly engine: Engine
  private readonly options: SearchOptions
  private readonly board: Board
  private readonly rank: number
  private readonly expansion: Expansion
  private readonly words: number
  /** Everybody's states, by member. */
  private readonly stores: readonly SharedStore[]
  /** The member's own states, with their numbers, which ascend; parents are numbers too. */
  private readonly store: SharedStore
  /** The first of the own states that has not been expanded. */
  private next = 0
  /** The state that is expanded, and how many of its transitions have been taken. */
  private state = 0
  private taken = 0
  /** Its successors go to {@link late}, those of others are not kept. */
  private settling = false
  /** The own successors of states that had been put off. */
  private readonly late: SharedWords
  private readonly scratch: Uint32Array
  /** By receiver: where successors go; and how many words of them there were before a state was expanded. */
  private readonly sending: readonly SharedWords[]
  private readonly sizes: Int32Array

  constructor(engine: Engine, options: SearchOptions, board: Board, rank: number, late: SharedWords) {
    this.engine = engine
    this.options = options
    this.board = board
    this.rank = rank
    this.late = late
    this.total = 0
    this.words = engine.layout.words
    this.scratch = new Uint32Array(this.words)
    this.sending = Array.from({ length: board.members }, (_, to) => board.stream(rank, to))
    this.sizes = new Int32Array(board.members)
    this.stores = board.newStores(this.words)
    this.store = this.stores[rank]!
    this.expansion = new Expansion(engine, options, this.take)
  }

  /** Takes the own states over from what every member has found alone; `head` of them have been expanded. */
  takeOver(found: StateStore, head: number): void {
    this.store.clear()
    for (let i = 0; i < found.size; i++) {
      found.read(i, this.scratch)
      const hash = hashOf(this.scratch, this.words)
      if (this.ownerOf(hash) !== this.rank) continue
      if (i < head) this.next++
      this.store.add(this.scratch, found.parent(i), found.action(i), hash)
      this.store.setNumber(this.store.size - 1, i)
    }
    this.total = found.size
  }

  /** Phase 1: expands the own states with numbers below `end`. */
  expandOwn(end: number): void {
    const { board, rank } = this
    for (const list of this.sending) list.clear()
    board.putOff[rank]!.clear()
    for (const store of this.stores) store.refresh()
    this.violation = NO_VIOLATION
    withoutLearning(() => {
      while (this.violation === NO_VIOLATION && this.next < this.store.size) {
        const number = this.store.number(this.next)
        if (number >= end) break
        this.expandOrPutOff(number, this.next++)
      }
    })
    board.showViolation(rank, this.violation)
  }

  private expandOrPutOff(number: number, index: number): void {
    const { engine, store, sending, sizes } = this
    for (let to = 0; to < sending.length; to++) sizes[to] = sending[to]!.size
    store.read(index, engine.current)
    try {
      this.expand(number)
    } catch {
      // Something new, a value that does not fit its field, or an error of the guest: all members meet it in the next phase.
      for (const [to, list] of sending.entries()) list.shrink(sizes[to]!)
      this.violation = NO_VIOLATION
      const list = this.board.putOff[this.rank]!
      const at = list.extend(1 + this.words)
      list.data[at] = number
      store.read(index, this.scratch)
      list.data.set(this.scratch, at + 1)
    }
  }

  /** Phase 2: what was put off is expanded by everybody. */
  settle(): void {
    const { board, engine } = this
    this.late.clear()
    this.violation = board.firstViolation
    const size = 1 + this.words
    const states: { readonly number: number; readonly words: Uint32Array }[] = []
    for (const { data, size: end } of board.putOff) {
      for (let at = 1; at <= end; at += size)
        states.push({ number: data[at]!, words: data.slice(at + 1, at + size) })
    }
    states.sort((a, b) => a.number - b.number)
    this.settling = true
    for (const { number, words } of states) {
      if (number >= this.violation.state) break
      engine.current.set(words)
      this.expansion.forget()
      this.expand(number)
    }
    this.settling = false
  }

  private expand(number: number): void {
    this.state = number
    this.taken = 0
    if (this.expansion.begin() === 0) this.atEnd()
    else this.expansion.expand()
  }

  private readonly take = (process: number, alternative: number, choice: number): boolean => {
    const { engine, options, expansion, rank, words } = this
    const violation = engine.step(process, alternative, choice)
    const ordinal = this.taken++
    const action = packAction(process, alternative, choice)
    if (violation !== undefined) {
      expansion.violated = true
      if (options.collect === undefined) {
        this.violation = { state: this.state, ordinal, action: action | 0 }
        expansion.stopped = true
        return true
      }
      options.collect.violations.add(violationName(engine.program.processes[process]!.name, violation))
    }
    options.symmetry?.settle(engine, process, alternative, choice)
    const hash = hashOf(engine.next, words)
    const owner = this.ownerOf(hash)
    if (options.proviso && !expansion.fresh) {
      // Whatever is not known yet, or comes later in the queue, is still to be expanded.
      const known = this.stores[owner]!.find(engine.next, hash)
      if (known < 0 || this.stores[owner]!.number(known) > this.state) expansion.fresh = true
    }
    if (this.settling && owner !== rank) return false
    const list = this.settling ? this.late : this.sending[owner]!
    const at = list.extend(HEAD + words)
    const { data } = list
    data[at] = this.state
    data[at + 1] = ordinal
    data[at + 2] = action
    data[at + 3] = hash
    for (let i = 0; i < words; i++) data[at + HEAD + i] = engine.next[i]!
    return false
  }

  private atEnd(): void {
    const { engine, options } = this
    options.symmetry?.settleEnd(engine)
    const violation = engine.stuck()
    if (options.collect !== undefined) {
      options.collect.terminals.add(engine.describe())
      if (violation !== undefined) options.collect.violations.add(violationName('', violation))
    } else if (violation !== undefined) this.violation = { state: this.state, ordinal: 0, action: -1 }
  }

  /** Phase 3: stores the own successors that are new, as far as a search by one thread would have come. */
  merge(): void {
    const { board, rank, store, words, scratch, violation } = this
    const before = store.size
    const keys = board.keys[rank]!
    keys.clear()
    const streams = Array.from({ length: board.members }, (_, from) => board.stream(from, rank))
    streams.push(this.late)
    const at = streams.map(() => 1)
    let taken = 0
    for (;;) {
      let first = -1
      let parent = violation.state
      let ordinal = violation.ordinal
      for (let i = 0; i < streams.length; i++) {
        const { data } = streams[i]!
        const here = at[i]!
        if (here > data[0]!) continue
        const p = data[here]!
        if (p < parent || (p === parent && data[here + 1]! < ordinal)) {
          first = i
          parent = p
          ordinal = data[here + 1]!
        }
      }
      if (first < 0) break
      const { data } = streams[first]!
      const here = at[first]!
      at[first] = here + HEAD + words
      taken++
      for (let i = 0; i < words; i++) scratch[i] = data[here + HEAD + i]!
      if (!store.add(scratch, parent, data[here + 2]!, data[here + 3]!)) continue
      const key = keys.extend(2)
      keys.data[key] = parent
      keys.data[key + 1] = ordinal
    }
    board.showMerged(rank, store.size - before, taken, store.bytes)
  }

  /** Phase 4: the place of each own new state among those of all members is its number. */
  number(): void {
    const { board, rank, store } = this
    const own = board.keys[rank]!
    const first = store.size - own.size / 2
    const others = board.keys.filter((_, member) => member !== rank)
    const at = others.map(() => 1)
    for (let i = 1; i <= own.size; i += 2) {
      let number = this.total + (i - 1) / 2
      for (let o = 0; o < others.length; o++) {
        const { data } = others[o]!
        let there = at[o]!
        while (
          there <= data[0]! &&
          (data[there]! < own.data[i]! ||
            (data[there] === own.data[i] && data[there + 1]! < own.data[i + 1]!))
        )
          there += 2
        at[o] = there
        number += (there - 1) / 2
      }
      store.setNumber(first + (i - 1) / 2, number)
    }
    this.total += board.newStates
  }

  /** Parent and packed action of a state, if it is an own one. */
  originOf(number: number): readonly [parent: number, action: number] | undefined {
    const index = this.indexOf(number)
    return index === undefined ? undefined : [this.store.parent(index), this.store.action(index)]
  }

  /** Shows the words of a state, if it is an own one. */
  showState(number: number): void {
    const list = this.board.putOff[this.rank]!
    list.clear()
    const index = this.indexOf(number)
    if (index === undefined) return
    this.store.read(index, this.scratch)
    list.data.set(this.scratch, list.extend(this.words))
  }

  /** What is violated by a transition of the state that some member shows. */
  violationShown({ action }: Violating): Violation | undefined {
    const { engine, words } = this
    const shown = this.board.putOff.find(({ size }) => size > 0)!
    engine.current.set(shown.data.subarray(1, 1 + words))
    engine.load()
    if (action === -1) return engine.stuck()
    const { process, alternative, choice } = unpackAction(action >>> 0)
    return engine.step(process, alternative, choice)
  }

  private indexOf(number: number): number | undefined {
    let low = 0
    let high = this.store.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.store.number(middle) < number) low = middle + 1
      else high = middle
    }
    return low < this.store.size && this.store.number(low) === number ? low : undefined
  }

  private ownerOf(hash: number): number {
    return (hash >>> 20) % this.board.members
  }
}
