/**
 * Local states of processes: stacks of frames, each at a node of its automaton, interned to one number. Calls and returns are
 * carried out when a local state is made, so that every local state is done, has halted, or stands at an operation.
 */
import { mayLearn } from '../core/learning.ts'
import { BitRows } from './bit-rows.ts'
import { IntList } from './int-list.ts'
import { endlessRounds, endlessStack, MAX_EMPTY_ROUNDS, MAX_STACK } from './limits.ts'
import { CALL, OPERATION, type Recorder } from './recorder.ts'

/** Nothing left to run; handlers may still come. */
export const DONE = 0
/** Stopped by a violation. */
export const HALT = 1

/** The frame was called: what it returns goes to the node below. */
const CALLED = 1
/** The frame is a main function or a handler: what it returns goes nowhere. */
const ON_TOP = 0

/** Raw values below this have a slot of their own in the table of steps. */
const DIRECT_VALUES = 4
const MAX_LOCALS = 2 ** 24

export class Locals {
  /** The node of the topmost frame, by local state; -1 for {@link DONE} and {@link HALT}. */
  readonly nodes = new IntList()
  private readonly below = new IntList()
  private readonly flags = new IntList()
  private readonly depths = new IntList()
  private readonly ids = new Map<number, number>()
  private readonly direct = new IntList()
  private readonly wide = new Map<number, Map<number, number>>()
  private readonly pushes = new Map<number, Map<number, number>>()
  private readonly rowsOf: BitRows
  /** `futures.growth` when the rows of a local state were computed. */
  private readonly stamps = new IntList()
  private readonly recorder: Recorder

  constructor(recorder: Recorder, cells: number) {
    this.recorder = recorder
    this.rowsOf = new BitRows(cells)
    for (const id of [DONE, HALT]) {
      this.add(-1, DONE, ON_TOP, 0)
      this.rowsOf.clear(id)
    }
  }

  get size(): number {
    return this.nodes.size
  }

  /** The local state after the topmost operation observed `raw`. */
  step(local: number, raw: number): number {
    if (raw >= 0 && raw < DIRECT_VALUES) {
      const known = this.direct.data[local * DIRECT_VALUES + raw]!
      if (known >= 0) return known
      const next = this.stepAnew(local, raw)
      this.direct.data[local * DIRECT_VALUES + raw] = next
      return next
    }
    let steps = this.wide.get(local)
    if (steps === undefined) {
      steps = new Map()
      this.wide.set(local, steps)
    }
    let next = steps.get(raw)
    if (next === undefined) {
      next = this.stepAnew(local, raw)
      steps.set(raw, next)
    }
    return next
  }

  /** The local state with a handler's frame, at its first node `root`, on top. */
  push(local: number, root: number): number {
    let known = this.pushes.get(local)
    if (known === undefined) {
      known = new Map()
      this.pushes.set(local, known)
    }
    let next = known.get(root)
    if (next === undefined) {
      mayLearn()
      const { recorder } = this
      const tooMany = this.depths.at(local) >= MAX_STACK
      const top = tooMany ? recorder.addOrphan(root, endlessStack(recorder.functionOf(root))) : root
      next = this.resolve(top, local, ON_TOP)
      known.set(root, next)
    }
    return next
  }

  /**
   * Record `local` of the result says what the local state may still touch, handlers that are yet to come not counted:
   * the future of its topmost frame, and what follows in the frames below.
   */
  rows(local: number): BitRows {
    this.refresh(local)
    return this.rowsOf
  }

  /** Names of the functions on the stack, outermost first. */
  stack(local: number): string[] {
    const names: string[] = []
    for (let at = local; this.nodes.at(at) >= 0; at = this.below.at(at)) {
      names.push(this.recorder.functionOf(this.nodes.at(at)))
    }
    return names.reverse()
  }

  /** How many frames nobody has called are on the stack: 1 for a main function, one more with each handler on top. */
  level(local: number): number {
    let level = 0
    for (let at = local; this.nodes.at(at) >= 0; at = this.below.at(at)) {
      if (this.flags.at(at) === ON_TOP) level++
    }
    return level
  }

  private refresh(local: number): void {
    const growth = this.recorder.futures.growth
    if (local <= HALT || this.stamps.data[local] === growth) return
    const below = this.below.at(local)
    this.refresh(below)
    const node = this.nodes.at(local)
    const futures = this.recorder.futures
    // Below a call, what is left of the caller begins after the call, unless the call is repeated.
    const waits = this.recorder.kinds[node] === CALL && !this.recorder.isLoop(node)
    this.rowsOf.merge(local, waits ? futures.own : futures.future, node)
    this.rowsOf.merge(local, this.rowsOf, below)
    this.stamps.data[local] = growth
  }

  private stepAnew(local: number, raw: number): number {
    mayLearn()
    const next = this.recorder.afterOperation(this.nodes.at(local), raw)
    return this.resolve(next, this.below.at(local), this.flags.at(local))
  }

  /** Carries out calls and returns until an operation stands on top, or nothing. */
  private resolve(node: number, below: number, flag: number): number {
    const { recorder } = this
    for (let rounds = 0; ; ) {
      const kind = recorder.kinds[node]
      if (kind === OPERATION) return this.intern(node, below, flag)
      if (kind === CALL) {
        below = this.intern(node, below, flag)
        flag = CALLED
        if (this.depths.at(below) >= MAX_STACK) {
          node = recorder.addOrphan(node, endlessStack(recorder.functionOf(node)))
        } else node = recorder.callee(node)
      } else if (flag === CALLED && recorder.goesRound(this.nodes.at(below), node)) {
        const fn = recorder.functionOf(node)
        if (++rounds > MAX_EMPTY_ROUNDS) node = recorder.addOrphan(node, endlessRounds(fn))
        else node = recorder.callee(this.nodes.at(below))
      } else if (flag === CALLED) {
        const caller = recorder.afterCall(this.nodes.at(below), node)
        flag = this.flags.at(below)
        below = this.below.at(below)
        node = caller
      } else return below
    }
  }

  private intern(node: number, below: number, flag: number): number {
    const key = (node * MAX_LOCALS + below) * 2 + flag
    let id = this.ids.get(key)
    if (id === undefined) {
      id = this.add(node, below, flag, this.depths.at(below) + 1)
      this.ids.set(key, id)
    }
    return id
  }

  private add(node: number, below: number, flag: number, depth: number): number {
    const id = this.nodes.push(node)
    this.below.push(below)
    this.flags.push(flag)
    this.depths.push(depth)
    this.stamps.push(-1)
    for (let i = 0; i < DIRECT_VALUES; i++) this.direct.push(-1)
    this.rowsOf.base(id)
    return id
  }
}
