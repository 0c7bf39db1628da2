/** Store buffers: lists of commits, interned to one number per process and content. 0 is the empty buffer. */
import type { Cell } from '../core/cells.ts'
import { mayLearn } from '../core/learning.ts'
import type { Commit } from '../core/operation.ts'
import { BitRows } from './bit-rows.ts'
import { IntList } from './int-list.ts'
import type { Layout } from './layout.ts'
import { LimitReached } from './limits.ts'

export const EMPTY = 0

export class Buffers {
  /** The oldest commit of a buffer. */
  readonly heads = new IntList()
  /** The buffer without its oldest commit. */
  readonly rests = new IntList()
  readonly commits: Commit[] = []
  /** Footprints, by commit. */
  readonly commitRows: BitRows
  /** Everything that a buffer's drain is about to touch, by buffer. */
  readonly rows: BitRows
  private readonly contents: (readonly number[])[] = [[]]
  private readonly ids = new Map<string, number>([['', EMPTY]])
  private readonly appended = new Map<number, number>()
  private readonly commitIds = new Map<string, number>()
  /** Commit of a node, by process. */
  private readonly commitOfNode: Map<number, number>[]
  private readonly most: () => number

  /** @param most - how many stores one buffer may hold */
  constructor(processes: number, cells: number, most: () => number) {
    this.most = most
    this.commitRows = new BitRows(cells)
    this.rows = new BitRows(cells)
    this.rows.clear(EMPTY)
    this.heads.push(-1)
    this.rests.push(EMPTY)
    this.commitOfNode = Array.from({ length: processes }, () => new Map())
  }

  /** The commits of a buffer, oldest first. */
  contentOf(buffer: number): readonly number[] {
    return this.contents[buffer]!
  }

  /** The buffer after a store by `process` at an automaton's `node`. */
  append(buffer: number, process: number, node: number, commit: Commit): number {
    const id = this.commitId(process, node, commit)
    const key = buffer * 2 ** 26 + id
    let next = this.appended.get(key)
    if (next === undefined) {
      mayLearn()
      const most = this.most()
      if (this.contents[buffer]!.length >= most) {
        throw new LimitReached(
          `more than ${most} stores wait in one buffer, the last one "${commit.label}": ` +
            'a loop that stores needs a fence, or the memory model sc',
        )
      }
      next = this.intern([...this.contents[buffer]!, id])
      this.appended.set(key, next)
    }
    return next
  }

  /** What a load finds: the newest store in the buffer, or else memory. */
  load(buffer: number, cell: Cell, layout: Layout, words: Uint32Array): number {
    const commit = buffer === EMPTY ? -1 : this.newest(buffer, cell)
    return commit >= 0 ? this.commits[commit]!.value : layout.get(words, cell)
  }

  /** The newest buffered store to a cell, as its commit; -1 when there is none. */
  newest(buffer: number, cell: number): number {
    const content = this.contents[buffer]!
    for (let i = content.length - 1; i >= 0; i--) {
      if (this.commits[content[i]!]!.cell === cell) return content[i]!
    }
    return -1
  }

  private commitId(process: number, node: number, commit: Commit): number {
    const known = this.commitOfNode[process]!
    let id = known.get(node)
    if (id === undefined) {
      mayLearn()
      const key = `${process} ${commit.key}`
      id = this.commitIds.get(key)
      if (id === undefined) {
        id = this.commits.push(commit) - 1
        this.commitIds.set(key, id)
        this.commitRows.addLater(id, commit.footprint(), commit.cell)
      }
      known.set(node, id)
    }
    return id
  }

  private intern(content: readonly number[]): number {
    const key = content.join(' ')
    let id = this.ids.get(key)
    if (id === undefined) {
      const rest = this.intern(content.slice(1))
      id = this.contents.push(content) - 1
      this.ids.set(key, id)
      this.rows.clear(id)
      for (const commit of content) this.rows.merge(id, this.commitRows, commit)
      this.heads.push(content[0]!)
      this.rests.push(rest)
    }
    return id
  }
}
