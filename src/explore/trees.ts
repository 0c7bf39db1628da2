/** Which decision tree stands for which function of a program; and of each operation what the search asks again and again. */
import type { Memory, Operation } from '../core/operation.ts'
import type { BitRows } from './bit-rows.ts'
import type { Buffers } from './buffers.ts'
import { Decisions } from './decisions.ts'
import type { Handlers } from './handlers.ts'
import { IntList } from './int-list.ts'
import type { PackedMemory } from './memory.ts'
import type { Recorder } from './recorder.ts'

/** No tree: there is no such function. */
export const NONE = -1

/** `Trees.flags`. */
export const DRAINS = 1
export const STORES = 2

export class Trees {
  readonly decisions: Decisions
  /** By node, {@link DRAINS} and {@link STORES}. */
  readonly flags = new IntList()
  /** By node: outcomes of the operation. */
  readonly choices = new IntList()
  /** By node: the tree of its guard. */
  readonly guards = new IntList()
  /** By node: the first tree of the parts of its guard. */
  readonly parts = new IntList()
  /** By node: the tree of its effect for outcome 0 of the environment's choice; the others follow. */
  readonly effects = new IntList()
  /** By node: the tree of its store, where a process without store buffer carries it out itself. */
  private readonly directCommits = new IntList()
  /** By source. */
  readonly masked: number[] = []
  readonly ready: number[] = []
  readonly enter: number[] = []
  /** By commit. */
  private readonly commits = new IntList()
  private readonly recorder: Recorder
  private readonly buffers: Buffers

  constructor(recorder: Recorder, buffers: Buffers, handlers: Handlers) {
    this.decisions = new Decisions(buffers)
    this.recorder = recorder
    this.buffers = buffers
    for (const [index, source] of handlers.sources.entries()) {
      const looks = (memory: PackedMemory) => memory.allowGuard(handlers.own, index)
      const acts = (memory: PackedMemory) => memory.allowEffect(handlers.own, index)
      const add = (allow: typeof looks, run: (memory: Memory) => number) =>
        this.decisions.add({ actor: source, allow, run })
      this.masked.push(add(looks, (memory) => Number(source.masked(memory))))
      this.ready.push(add(looks, (memory) => Number(source.ready(memory))))
      this.enter.push(add(acts, (memory) => source.enter(memory)))
    }
  }

  get size(): number {
    return this.flags.size
  }

  /** Gives trees to the nodes that have been recorded since. */
  extend(): void {
    const { recorder } = this
    for (let node = this.size; node < recorder.size; node++) this.addNode(node, recorder.operations[node])
  }

  private addNode(node: number, operation: Operation<unknown> | undefined): void {
    this.flags.push((operation?.drains ? DRAINS : 0) | (operation?.commit !== undefined ? STORES : 0))
    this.choices.push(operation?.choices ?? 0)
    this.directCommits.push(NONE)
    if (operation === undefined) {
      for (const list of [this.guards, this.parts, this.effects]) list.push(NONE)
      return
    }
    const { own } = this.recorder.futures
    const { guard, conjuncts } = operation
    const looks = (memory: PackedMemory) => memory.allowGuard(own, node)
    const acts = (memory: PackedMemory) => memory.allowEffect(own, node)
    const add = (allow: typeof looks, run: (memory: Memory) => number) =>
      this.decisions.add({ actor: operation, allow, run })
    this.guards.push(guard === undefined ? NONE : add(looks, (memory) => Number(guard(memory))))
    const parts = (conjuncts ?? []).map((holds) => add(looks, (memory) => Number(holds(memory))))
    this.parts.push(parts[0] ?? NONE)
    const effects = Array.from({ length: operation.choices }, (_, choice) =>
      add(acts, (memory) => operation.apply(memory, choice)),
    )
    this.effects.push(effects[0] ?? NONE)
  }

  /** The tree of what the operation at a node stores, where there is no store buffer. */
  ofDirectCommit(node: number): number {
    let tree = this.directCommits.at(node)
    if (tree === NONE) {
      tree = this.addCommit(this.recorder.futures.own, node, this.recorder.operations[node]!.commit!)
      this.directCommits.data[node] = tree
    }
    return tree
  }

  /** The tree of a commit in a store buffer. */
  ofCommit(commit: number): number {
    while (this.commits.size <= commit) this.commits.push(NONE)
    let tree = this.commits.at(commit)
    if (tree === NONE) {
      tree = this.addCommit(this.buffers.commitRows, commit, this.buffers.commits[commit]!)
      this.commits.data[commit] = tree
    }
    return tree
  }

  private addCommit(
    rows: BitRows,
    index: number,
    commit: { readonly label: string; apply(memory: Memory): void },
  ): number {
    return this.decisions.add({
      actor: commit,
      allow: (memory) => memory.allowCommit(rows, index),
      run: (memory) => {
        commit.apply(memory)
        return 0
      },
    })
  }
}
