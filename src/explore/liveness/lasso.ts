/** From a fair part of the graph to a lasso: a way there, and a cycle that is fair by itself, as short as is easily found. */
import { InternalError } from '../../core/errors.ts'
import { pathTo, unpackAction } from '../actions.ts'
import type { Action } from '../verdict.ts'
import { Demands } from './fairness.ts'
import type { StateGraph } from './graph.ts'

export interface Lasso {
  readonly stem: readonly Action[]
  readonly cycle: readonly Action[]
  /** The states of the cycle. */
  readonly states: readonly number[]
}

/** States of a part that are tried as the cycle's first one. */
const ENTRIES = 20
/** Parts of more states are looked at from one entry only. */
const LARGE = 5000

/** The shortest lasso that was found. */
export function lassoThrough(graph: StateGraph, part: readonly number[]): Lasso {
  const sorted = [...part].sort((a, b) => a - b)
  const entries = sorted.slice(0, part.length > LARGE ? 1 : ENTRIES)
  const cycles = new Cycles(graph, part)
  let best: Lasso | undefined
  for (const entry of entries) {
    const stem = pathTo(graph.store, entry)
    const edges = cycles.from(entry)
    if (best !== undefined && stem.length + edges.length >= best.stem.length + best.cycle.length) continue
    best = {
      stem,
      cycle: edges.map((edge) => unpackAction(graph.actions[edge]!)),
      states: [entry, ...edges.slice(0, -1).map((edge) => graph.targets[edge]!)],
    }
  }
  return best!
}

class Cycles {
  private readonly graph: StateGraph
  private readonly inside: Uint8Array
  /** Of the last search, per state: the edge that led there. */
  private readonly via: Int32Array

  constructor(graph: StateGraph, part: readonly number[]) {
    this.graph = graph
    this.inside = new Uint8Array(graph.size)
    for (const state of part) this.inside[state] = 1
    this.via = new Int32Array(graph.size)
  }

  /** Edges of a fair cycle from a state back to it: it goes wherever somebody is still owed something, and home. */
  from(entry: number): number[] {
    const edges: number[] = []
    for (;;) {
      const at = edges.length === 0 ? entry : this.graph.targets[edges.at(-1)!]!
      const closed = edges.length > 0 && at === entry
      const demands = this.demandsOf(entry, edges)
      const unmet = new Map(demands.unmet().map(({ mover, strong }) => [mover, strong]))
      if (closed && unmet.size === 0) return edges
      edges.push(...this.leg(at, entry, unmet))
    }
  }

  private demandsOf(entry: number, edges: readonly number[]): Demands {
    const { graph } = this
    const demands = new Demands(graph)
    demands.visit(entry)
    for (const edge of edges) {
      demands.move(graph.movers[edge]!)
      demands.visit(graph.targets[edge]!)
    }
    return demands
  }

  /** A shortest way to what meets one of the demands; without demands, home. At least one edge. */
  private leg(from: number, home: number, unmet: ReadonlyMap<number, boolean>): number[] {
    const { graph, via, inside } = this
    via.fill(-1)
    const queue = [from]
    for (let head = 0; head < queue.length; head++) {
      const state = queue[head]!
      for (let edge = graph.first[state]!; edge < graph.first[state + 1]!; edge++) {
        const target = graph.targets[edge]!
        if (inside[target] === 0) continue
        const reached =
          unmet.size === 0 ? target === home : unmet.has(graph.movers[edge]!) || this.excuses(target, unmet)
        if (reached) return this.wayTo(state, from, edge)
        if (target === from || via[target] !== -1) continue
        via[target] = edge
        queue.push(target)
      }
    }
    throw new InternalError('a fair part of the graph has no fair cycle')
  }

  /** Somebody who is owed something cannot move in this state, and that is enough. */
  private excuses(state: number, unmet: ReadonlyMap<number, boolean>): boolean {
    const { code } = this.graph.standing(state)
    return code.some(({ mover, enabled }) => !enabled && unmet.get(mover) === false)
  }

  private wayTo(state: number, from: number, last: number): number[] {
    const edges = [last]
    for (let at = state; at !== from; ) {
      const edge = this.via[at]!
      edges.push(edge)
      at = this.origin(edge)
    }
    return edges.reverse()
  }

  /** The state that an edge leaves: states are numbered as their edges are. */
  private origin(edge: number): number {
    const { first, size } = this.graph
    let low = 0
    let high = size
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (first[middle]! <= edge) low = middle
      else high = middle
    }
    return low
  }
}
