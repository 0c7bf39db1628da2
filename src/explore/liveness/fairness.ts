/**
 * Fair parts of a graph of states. A schedule that goes on for ever is fair when
 *
 * - code that can carry out its next operation, again and again without a moment at which it cannot, does so (weak fairness);
 *   while a handler runs on top of it, it is not asked;
 * - stores reach memory, and an interrupt that has been asked for and can be taken again and again is taken (strong fairness:
 *   a CPU looks for interrupts before every instruction);
 * - a lock that becomes free again and again is taken at last by everybody who waits for it (strong fairness: the kernel's
 *   spinlocks queue).
 *
 * A wait is a loop that looks at memory: it may look at the wrong moments for ever, so for waits fairness is weak. Choices of the
 * environment, NMIs and preemptions are owed to nobody.
 *
 * A strongly connected part may fail for want of a mover that could move in some of its states. No fair cycle goes through
 * those, so that they are taken out and what is left is looked at again (Emerson and Lei, "Modalities for model
 * checking", 1987).
 */
import type { StateGraph } from './graph.ts'
import { stronglyConnected } from './strongly-connected.ts'

/** Strongly connected sets of states through all of which a fair schedule can go for ever, within the states `inside`. */
export function* fairParts(graph: StateGraph, inside: Uint8Array): Generator<readonly number[]> {
  for (const part of stronglyConnected(graph.first, graph.targets, inside)) {
    yield* fairWithin(graph, part)
  }
}

function* fairWithin(graph: StateGraph, part: readonly number[]): Generator<readonly number[]> {
  const members = new Uint8Array(graph.size)
  for (const state of part) members[state] = 1
  const demands = new Demands(graph)
  for (const state of part) {
    demands.visit(state)
    for (let edge = graph.first[state]!; edge < graph.first[state + 1]!; edge++) {
      if (members[graph.targets[edge]!] === 1) demands.move(graph.movers[edge]!)
    }
  }
  if (!demands.goesOn) return
  const unfair = demands.unmet()
  if (unfair.length === 0) {
    yield part
    return
  }
  for (const { states } of unfair) for (const state of states) members[state] = 0
  yield* fairParts(graph, members)
}

/** A mover that is treated unfairly, and the states in which it could move. */
export interface Unmet {
  readonly mover: number
  /** That it cannot move at some other time is no excuse. */
  readonly strong: boolean
  readonly states: readonly number[]
}

interface Demand {
  /** States in which it can move. */
  readonly able: number[]
  /** It can move in some state, and has a right to because of that alone. */
  strong: boolean
  /** It stands somewhere where it cannot move. */
  blocked: boolean
}

/** What a set of states and the edges between them owes to whom. */
export class Demands {
  goesOn = false
  private readonly graph: StateGraph
  private readonly demands = new Map<number, Demand>()
  private readonly moved = new Set<number>()

  constructor(graph: StateGraph) {
    this.graph = graph
  }

  visit(state: number): void {
    const { code, owed } = this.graph.standing(state)
    for (const { mover, enabled, lock } of code) {
      const demand = this.demandOf(mover)
      if (!enabled) demand.blocked = true
      else demand.able.push(state)
      if (enabled && lock) demand.strong = true
    }
    for (const mover of owed) {
      const demand = this.demandOf(mover)
      demand.strong = true
      demand.able.push(state)
    }
  }

  move(mover: number): void {
    this.goesOn = true
    this.moved.add(mover)
  }

  unmet(): Unmet[] {
    return [...this.demands]
      .filter(([mover, { able, strong, blocked }]) => {
        return able.length > 0 && !this.moved.has(mover) && (strong || !blocked)
      })
      .map(([mover, { able, strong }]) => ({ mover, strong, states: able }))
  }

  private demandOf(mover: number): Demand {
    let demand = this.demands.get(mover)
    if (demand === undefined) {
      demand = { able: [], strong: false, blocked: false }
      this.demands.set(mover, demand)
    }
    return demand
  }
}
