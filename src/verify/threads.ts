/**
 * Automata of threads, derived again from the generators: a node is a function, its arguments, and what it has observed. A new
 * node is reached by running its function from the start, and every step on the way is compared with what it was before.
 */
import { type Call, Operation, type Step, type TaskFunction } from '../core/operation.ts'
import { canonicalKey, functionId } from '../core/plain.ts'
import type { Frame } from '../core/program.ts'
import { Refused } from './refused.ts'
import { equal, NO_ROWS, type Rows, rowsOfOperation, textOf, union } from './rows.ts'

const MOST_STEPS = 1000
const DEEPEST = 500

/** Nothing left to run. */
export const DONE = 0

export interface Node {
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
  /** What the code got so far, one value a step. */
  readonly fed: readonly unknown[]
  readonly parent: number
  /** Undefined: the function has returned {@link result}. */
  readonly step: Step | undefined
  readonly result: unknown
  readonly children: Map<string, number>
  /** Own footprint, and that of everything later in the frame, callees included. */
  own: Rows
  future: Rows
}

/** A stack of frames; the topmost stands at `node`. */
export interface Local {
  readonly node: number
  readonly below: number
  /** What the frame returns goes to the frame below. */
  readonly called: boolean
  readonly depth: number
}

export class Threads {
  readonly nodes: Node[] = []
  readonly locals: Local[] = [{ node: -1, below: DONE, called: false, depth: 0 }]
  private readonly roots = new Map<string, number>()
  private readonly ids = new Map<string, number>()

  /** The local state with a frame on top. */
  start(local: number, { fn, args }: Frame): number {
    return this.settle(this.root(fn, args), local, false)
  }

  operation(local: number): Operation<unknown> | undefined {
    const step = this.nodes[this.locals[local]!.node]?.step
    return step instanceof Operation ? step : undefined
  }

  /** The local state after the topmost operation observed `raw`. */
  after(local: number, raw: number): number {
    const { node, below, called } = this.locals[local]!
    return this.settle(this.child(node, `o${raw}`, raw), below, called)
  }

  /** The first node of a function. */
  root(fn: TaskFunction, args: readonly unknown[]): number {
    const key = `${functionId(fn)}${canonicalKey(args)}`
    const known = this.roots.get(key)
    if (known !== undefined) return known
    const root = this.add(fn, args, [], -1)
    this.roots.set(key, root)
    return root
  }

  /** Masks as the least sets that are closed under children and calls. */
  close(): void {
    for (let changed = true; changed; ) {
      changed = false
      for (let n = this.nodes.length - 1; n >= 0; n--) {
        const node = this.nodes[n]!
        let own = NO_ROWS
        for (const child of node.children.values()) own = union(own, this.nodes[child]!.future)
        const { step } = node
        let future = own
        if (step instanceof Operation) {
          own = rowsOfOperation(step)
          future = union(future, own)
        } else if (step !== undefined) {
          future = union(future, this.nodes[this.root(step.fn, step.args)]!.future)
        }
        if (equal(own, node.own) && equal(future, node.future)) continue
        node.own = own
        node.future = future
        changed = true
      }
    }
  }

  /** What a local state may still touch, handlers that are yet to come not counted. */
  future(local: number): Rows {
    let rows = NO_ROWS
    for (let at = local, top = true; at !== DONE; at = this.locals[at]!.below, top = false) {
      const node = this.nodes[this.locals[at]!.node]!
      // Below a call, what is left of the caller comes after the call; below a handler, the operation itself is left too.
      // The callee of a repeated call may be called again.
      const whole = top || node.step instanceof Operation || node.step?.repeats === true
      rows = union(rows, whole ? node.future : node.own)
    }
    return rows
  }

  /** One line a node, as certificates have it. */
  describe(): string[] {
    return this.nodes.map(({ fn, parent, step, future }) => {
      const what = step === undefined ? 'returns' : nameOf(step)
      return `${parent} ${fn.name} | ${what} | ${textOf(future)}`
    })
  }

  private child(parent: number, key: string, value: unknown): number {
    const { fn, args, fed, step, children } = this.nodes[parent]!
    const known = children.get(key)
    if (known !== undefined) return known
    const got = step instanceof Operation ? step.decode(value as number) : value
    const node = this.add(fn, args, [...fed, got], parent)
    children.set(key, node)
    return node
  }

  private add(fn: TaskFunction, args: readonly unknown[], fed: readonly unknown[], parent: number): number {
    if (fed.length >= MOST_STEPS) throw new Refused(`no end within ${MOST_STEPS} steps of ${fn.name}`)
    const path: number[] = []
    for (let at = parent; at >= 0; at = this.nodes[at]!.parent) path.unshift(at)
    const task = fn(...args)
    let next = task.next()
    for (const [i, value] of fed.entries()) {
      const before = this.nodes[path[i]!]!.step
      if (next.done || before === undefined || nameOf(next.value) !== nameOf(before))
        throw new Refused(`${fn.name} did not repeat itself on the same history`)
      next = task.next(value)
    }
    const step = next.done ? undefined : next.value
    const result = next.done ? next.value : undefined
    this.nodes.push({
      fn,
      args,
      fed,
      parent,
      step,
      result,
      children: new Map(),
      own: NO_ROWS,
      future: NO_ROWS,
    })
    return this.nodes.length - 1
  }

  /** Carries out calls and returns, until an operation stands on top, or nothing. */
  private settle(start: number, under: number, wasCalled: boolean): number {
    let node = start
    let below = under
    let called = wasCalled
    for (let rounds = 0; ; ) {
      const { step, result } = this.nodes[node]!
      if (step instanceof Operation) return this.intern(node, below, called)
      if (step !== undefined) {
        below = this.intern(node, below, called)
        called = true
        node = this.root(step.fn, step.args)
      } else if (called) {
        const caller = this.locals[below]!
        const call = this.nodes[caller.node]!.step
        if (result === undefined && call !== undefined && !(call instanceof Operation) && call.repeats) {
          if (++rounds > MOST_STEPS) throw new Refused(`no end of rounds of ${call.fn.name}`)
          node = this.root(call.fn, call.args)
          continue
        }
        node = this.child(caller.node, `r${canonicalKey(result)}`, result)
        called = caller.called
        below = caller.below
      } else return below
    }
  }

  private intern(node: number, below: number, called: boolean): number {
    const key = `${node} ${below} ${called}`
    let id = this.ids.get(key)
    if (id === undefined) {
      const depth = this.locals[below]!.depth + 1
      if (depth > DEEPEST) throw new Refused('no end of nested calls and handlers')
      id = this.locals.push({ node, below, called, depth }) - 1
      this.ids.set(key, id)
    }
    return id
  }
}

function nameOf(step: Step): string {
  return step instanceof Operation ? `${step.kind} ${step.label}` : `call ${(step as Call).fn.name}`
}
