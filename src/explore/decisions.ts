/**
 * Guards, effects and commits as decision trees. As a thread is a function of what it has observed, so is the code of an
 * operation a function of what it reads: it is run once for each distinct reading, every access held against the footprint, and
 * from then on the search asks the tree, whose nodes are reads, whose edges are the values found, and whose leaves are outcomes.
 * An outcome reads and writes the very cells that the run did, so that its checks need not be made again. {@link audit} runs
 * the code of every outcome once more: code that does not repeat itself is found, as for threads.
 */
import type { Cell } from '../core/cells.ts'
import { GuestProgramError } from '../core/errors.ts'
import type { Memory } from '../core/operation.ts'
import type { Violation } from '../core/violation.ts'
import { type Buffers, EMPTY } from './buffers.ts'
import { IntList } from './int-list.ts'
import type { Layout } from './layout.ts'
import { GET, LOAD, type PackedMemory, PEEK } from './memory.ts'
import type { Actor } from './rights.ts'

/** A function of the program: a guard or a part of one, an effect, a commit, or one of a source's three. */
export interface Code {
  /** Who runs it, for messages. */
  readonly actor: Actor
  /** Allows what its footprint does. */
  readonly allow: (memory: PackedMemory) => void
  readonly run: (memory: Memory) => number
}

/** No outcome is known for what would be read. */
export const UNKNOWN = -1

/** Values below this have a slot in the table of edges; larger ones have a map. */
const SLOTS = 8
/** Outcomes of one tree, after which its code is run each time that none of them fits. */
const MOST_OUTCOMES = 4096

export class Decisions {
  /** By tree, and by node and value: 0 nothing known, n > 0 node n, n < 0 outcome ~n. */
  private readonly roots = new IntList()
  private readonly edges = new IntList(64 * SLOTS)
  private readonly wide: (Map<number, number> | undefined)[] = []
  /** By node: what is read (`cell * 4 + kind`). */
  private readonly reads = new IntList()
  private readonly outcomesOf = new IntList()
  /** By outcome: what the code gave back. */
  readonly values: number[] = []
  readonly violations: (Violation | undefined)[] = []
  /** By outcome, one more than there are: where its writes begin. */
  readonly firstWrite = new IntList()
  readonly writtenCells = new IntList()
  readonly writtenValues: number[] = []
  /** The same for its reads, without those that make no dependence. */
  readonly firstRead = new IntList()
  readonly dependences = new IntList()
  /** By tree. */
  readonly codes: Code[] = []
  private readonly buffers: Buffers

  constructor(buffers: Buffers) {
    this.buffers = buffers
    this.newNode(0)
    this.firstWrite.push(0)
    this.firstRead.push(0)
  }

  /** The number of the tree of one more function. */
  add(code: Code): number {
    this.codes.push(code)
    this.outcomesOf.push(0)
    return this.roots.push(0)
  }

  /** The outcome of a tree's function in a state, or {@link UNKNOWN}. */
  find(tree: number, layout: Layout, words: Uint32Array, buffer: number): number {
    let at = this.roots.data[tree]!
    while (at > 0) {
      const read = this.reads.data[at]!
      const cell = read >>> 2
      const value =
        buffer !== EMPTY && (read & 3) === LOAD
          ? this.buffers.load(buffer, cell as Cell, layout, words)
          : layout.get(words, cell)
      at = value < SLOTS ? this.edges.data[at * SLOTS + value]! : (this.wide[at]?.get(value) ?? 0)
    }
    return ~at
  }

  /** A tree that learns no more: its code is run each time that no outcome fits. */
  isClosed(tree: number): boolean {
    return this.outcomesOf.data[tree]! >= MOST_OUTCOMES
  }

  /** Takes down what a run of a tree's function read, wrote and gave; the outcome, or {@link UNKNOWN} if it cannot be kept. */
  learn(tree: number, memory: PackedMemory, layout: Layout, value: number): number {
    const { reads, found, written } = memory
    if (this.isClosed(tree)) return UNKNOWN
    if (memory.unclear) {
      this.outcomesOf.data[tree] = MOST_OUTCOMES
      return UNKNOWN
    }
    this.outcomesOf.data[tree]!++
    const outcome = this.values.push(value) - 1
    this.violations.push(memory.violation)
    for (const cell of written) {
      this.writtenCells.push(cell)
      this.writtenValues.push(layout.get(memory.words, cell))
    }
    this.firstWrite.push(this.writtenCells.size)
    for (const read of reads) if ((read & 3) !== PEEK) this.dependences.push(read)
    this.firstRead.push(this.dependences.size)
    this.hang(tree, reads, found, ~outcome)
    return outcome
  }

  /** Hangs a leaf below what was read. */
  private hang(tree: number, reads: readonly number[], found: readonly number[], leaf: number): void {
    let node = 0
    for (let i = 0; i <= reads.length; i++) {
      const known = i === 0 ? this.roots.at(tree) : this.child(node, found[i - 1]!)
      const read = reads[i]
      if (read === undefined ? known !== 0 : known < 0 || (known > 0 && this.reads.at(known) !== read))
        throw notRepeated(this.codes[tree]!.actor)
      const next = read === undefined ? leaf : known === 0 ? this.newNode(read) : known
      if (known === 0) {
        if (i === 0) this.roots.data[tree] = next
        else this.setChild(node, found[i - 1]!, next)
      }
      node = next
    }
  }

  /** The reads of an outcome that make dependences. */
  dependencesOf(outcome: number): readonly number[] {
    return Array.from(
      this.dependences.data.subarray(this.firstRead.at(outcome), this.firstRead.at(outcome + 1)),
    )
  }

  private newNode(read: number): number {
    for (let i = 0; i < SLOTS; i++) this.edges.push(0)
    this.wide.push(undefined)
    return this.reads.push(read)
  }

  private child(node: number, value: number): number {
    return value < SLOTS ? this.edges.at(node * SLOTS + value) : (this.wide[node]?.get(value) ?? 0)
  }

  private setChild(node: number, value: number, child: number): void {
    if (value < SLOTS) this.edges.data[node * SLOTS + value] = child
    else {
      let children = this.wide[node]
      if (children === undefined) {
        children = new Map()
        this.wide[node] = children
      }
      children.set(value, child)
    }
  }

  /**
   * Runs the code of every outcome once more on what it read.
   *
   * @throws GuestProgramError when code does not do again what it did
   */
  audit(): void {
    for (const tree of this.codes.keys()) this.auditBelow(tree, this.roots.at(tree), new Map())
  }

  private auditBelow(tree: number, at: number, found: Map<number, number>): void {
    if (at === 0) return
    if (at < 0) {
      this.auditOutcome(tree, ~at, found)
      return
    }
    const read = this.reads.at(at)
    for (let value = 0; value < SLOTS; value++) {
      found.set(read, value)
      this.auditBelow(tree, this.edges.at(at * SLOTS + value), found)
    }
    for (const [value, child] of this.wide[at] ?? []) {
      found.set(read, value)
      this.auditBelow(tree, child, found)
    }
    found.delete(read)
  }

  private auditOutcome(tree: number, outcome: number, found: ReadonlyMap<number, number>): void {
    const code = this.codes[tree]!
    const again = new ReadingsAgain(found)
    const value = code.run(again)
    const [from, to] = [this.firstWrite.at(outcome), this.firstWrite.at(outcome + 1)]
    let same = value === this.values[outcome] && again.written.size === to - from
    for (let i = from; i < to; i++)
      if (again.written.get(this.writtenCells.at(i)) !== this.writtenValues[i]) same = false
    if (again.violation?.message !== this.violations[outcome]?.message) same = false
    if (again.strayed || !same) throw notRepeated(code.actor)
  }
}

function notRepeated({ label }: Actor): GuestProgramError {
  return new GuestProgramError(
    'guest-nondeterministic',
    `"${label}" did not repeat itself on the same values (its functions must depend on nothing but the cells that they read)`,
  )
}

/** A memory that knows just what an outcome has read. */
class ReadingsAgain implements Memory {
  violation: Violation | undefined
  /** Something else was read. */
  strayed = false
  readonly written = new Map<number, number>()
  private readonly found: ReadonlyMap<number, number>

  constructor(found: ReadonlyMap<number, number>) {
    this.found = found
  }

  get(cell: Cell): number {
    return this.written.get(cell) ?? this.read(cell * 4 + GET)
  }

  peek(cell: Cell): number {
    return this.written.get(cell) ?? this.read(cell * 4 + PEEK)
  }

  load(cell: Cell): number {
    return this.read(cell * 4 + LOAD)
  }

  set(cell: Cell, value: number): void {
    this.written.set(cell, value)
  }

  violate(violation: Violation): void {
    this.violation ??= violation
  }

  private read(read: number): number {
    const value = this.found.get(read)
    if (value === undefined) this.strayed = true
    return value ?? 0
  }
}
