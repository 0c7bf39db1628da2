/**
 * What a thread may still touch after each node of its automaton, as far as the automaton is known (EXPLORER 7).
 * Rows grow only. `growth` counts every enlargement of rows that somebody may have used already: a search is complete
 * only if it did not change from the search's start to its end.
 */
import type { Operation } from '../core/operation.ts'
import { BitRows } from './bit-rows.ts'

export class Futures {
  /** An operation's own footprint; of a call, the future of what comes after it. */
  readonly own: BitRows
  /** What the node and everything after it in its frame may touch; of a call, the callee too. */
  readonly future: BitRows
  growth = 0
  private readonly parents: number[] = []
  private readonly isCall: boolean[] = []
  /** For root nodes: the calls that lead there. */
  private readonly callers = new Map<number, number[]>()

  constructor(cells: number) {
    this.own = new BitRows(cells)
    this.future = new BitRows(cells)
  }

  addOperation(node: number, parent: number, operation: Operation<unknown>): void {
    this.own.addOwn(node, operation.footprint())
    const commit = operation.commit
    if (commit !== undefined) this.own.addLater(node, commit.footprint(), commit.cell)
    this.future.merge(node, this.own, node)
    this.link(node, parent, false)
  }

  addCall(node: number, parent: number): void {
    this.own.base(node)
    this.future.base(node)
    this.link(node, parent, true)
  }

  /** The callee of a call node has become known. */
  addCallee(node: number, callee: number): void {
    const callers = this.callers.get(callee)
    if (callers === undefined) this.callers.set(callee, [node])
    else callers.push(node)
    if (!this.future.merge(node, this.future, callee)) return
    this.growth++
    this.propagate(node)
  }

  addReturn(node: number, parent: number): void {
    this.own.base(node)
    this.future.base(node)
    this.link(node, parent, false)
  }

  private link(node: number, parent: number, isCall: boolean): void {
    this.parents[node] = parent
    this.isCall[node] = isCall
    this.propagate(node)
  }

  /** Everything above a node may do what the node may do: along the frame's history, and over calls to its callers. */
  private propagate(start: number): void {
    const work = [start]
    for (let node = work.pop(); node !== undefined; node = work.pop()) {
      const parent = this.parents[node]!
      if (parent >= 0) {
        if (this.isCall[parent] && this.own.merge(parent, this.future, node)) this.growth++
        if (this.future.merge(parent, this.future, node)) {
          this.growth++
          work.push(parent)
        }
      }
      for (const caller of this.callers.get(node) ?? []) {
        if (this.future.merge(caller, this.future, node)) {
          this.growth++
          work.push(caller)
        }
      }
    }
  }
}
