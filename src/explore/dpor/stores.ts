/** The stores of one process: those that have drained, and behind them those that are still in its store buffer. */
import type { Commit } from '../../core/operation.ts'

export class Stores {
  readonly commits: Commit[] = []
  /** The events by which the stores entered the buffer. */
  readonly events: number[] = []
  /** The automaton's nodes of these events. */
  readonly nodes: number[] = []
  /** How many stores there have been. */
  issued = 0
  /** How many of them have drained. */
  drained = 0

  push(commit: Commit, event: number, node: number): void {
    this.commits[this.issued] = commit
    this.events[this.issued] = event
    this.nodes[this.issued] = node
    this.issued++
  }

  /** The newest store to a cell that is still in the buffer, by its number; -1 when there is none. */
  newest(cell: number): number {
    for (let i = this.issued - 1; i >= this.drained; i--) if (this.commits[i]!.cell === cell) return i
    return -1
  }
}
