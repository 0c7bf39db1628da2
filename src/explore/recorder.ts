/**
 * Records threads into automata. A frame of guest code is a deterministic function from the values it has observed to its
 * next step, so it is run once per distinct history: every (function, arguments) has a trie, whose nodes are histories, and
 * whose edges are observed values. After that the search touches only numbers.
 */
import { GuestProgramError } from '../core/errors.ts'
import { Operation, type Step, type Task, type TaskFunction } from '../core/operation.ts'
import { Interner } from '../core/plain.ts'
import { Futures } from './futures.ts'
import { callKey, decoded, functionName, resume, startTask, stepName } from './guest.ts'
import { endlessFrame } from './limits.ts'

/** What a node is. */
export const OPERATION = 0
export const CALL = 1
export const RETURN = 2

/** Generators that are kept alive at the nodes where they stand; older ones are run again when they are needed. */
const MAX_PARKED = 20_000

interface Trie {
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
}

export interface RecorderOptions {
  readonly cells: number
  readonly operationsPerCall: number
  /** Sites of removable operations that are left out. */
  readonly without: ReadonlySet<string>
}

export class Recorder {
  readonly futures: Futures
  /** {@link OPERATION}, {@link CALL} or {@link RETURN}, by node. */
  readonly kinds: number[] = []
  /** The operation of an {@link OPERATION} node. */
  readonly operations: (Operation<unknown> | undefined)[] = []
  private readonly steps: (Step | undefined)[] = []
  private readonly callees: number[] = []
  private readonly results: unknown[] = []
  private readonly parents: number[] = []
  /** The raw value, or the id of the returned value, that leads from the parent here. */
  private readonly via: number[] = []
  private readonly depths: number[] = []
  private readonly tries: Trie[] = []
  private readonly children: (Map<number, number> | undefined)[] = []
  private readonly roots = new Map<string, number>()
  private readonly parked = new Map<number, Task<unknown>>()
  /** Calls that are repeated until they give back something. */
  private readonly loops = new Set<number>()
  /** Nodes that stand for "no end". */
  private readonly endless = new Set<number>()
  private readonly returned = new Interner()
  private readonly options: RecorderOptions

  constructor(options: RecorderOptions) {
    this.options = options
    this.futures = new Futures(options.cells)
  }

  get size(): number {
    return this.kinds.length
  }

  /** The first node of a function with given arguments. */
  root(fn: TaskFunction, args: readonly unknown[]): number {
    const key = callKey(fn, args)
    let node = this.roots.get(key)
    if (node === undefined) {
      node = this.size
      this.roots.set(key, node)
      const trie = { fn, args: freeze(args) as readonly unknown[] }
      const task = startTask(fn, trie.args)
      this.add(trie, -1, 0, task, this.advance(trie, task, undefined))
    }
    return node
  }

  /** The first node of the function that a call node calls. */
  callee(node: number): number {
    let callee = this.callees[node]!
    if (callee < 0) {
      const step = this.steps[node] as Exclude<Step, Operation<unknown>>
      callee = this.root(step.fn, step.args)
      this.callees[node] = callee
      this.futures.addCallee(node, callee)
    }
    return callee
  }

  /** Some function calls a helper again and again: a process can come back to a local state by itself. */
  get hasLoops(): boolean {
    return this.loops.size > 0
  }

  /** Whether a call node calls again and again. */
  isLoop(node: number): boolean {
    return this.loops.has(node)
  }

  /** The callee of a repeated call has given back nothing: it is called again. */
  goesRound(node: number, returnNode: number): boolean {
    return this.loops.has(node) && this.results[returnNode] === undefined
  }

  /** After an operation that observed `raw`. */
  afterOperation(node: number, raw: number): number {
    return this.children[node]?.get(raw) ?? this.extend(node, raw)
  }

  /** After a call whose callee went to the return node `returnNode`. */
  afterCall(node: number, returnNode: number): number {
    let id: number
    try {
      id = this.returned.id(this.results[returnNode])
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new GuestProgramError('guest-invalid', `the result of ${this.functionOf(returnNode)}: ${why}`)
    }
    freeze(this.returned.value(id))
    return this.children[node]?.get(id) ?? this.extend(node, id)
  }

  /** The name of the function whose frame a node belongs to. */
  functionOf(node: number): string {
    return functionName(this.tries[node]!.fn)
  }

  /** Runs one recorded history of every function again: a guest that is not deterministic is found even where nothing branches. */
  audit(): void {
    for (const root of this.roots.values()) {
      let node = root
      for (let next = this.firstChild(node); next !== undefined; next = this.firstChild(node)) node = next
      if (this.parents[node]! >= 0) this.rerun(node)
    }
  }

  private firstChild(node: number): number | undefined {
    return this.children[node]?.values().next().value
  }

  private extend(parent: number, value: number): number {
    const trie = this.tries[parent]!
    const task = this.takeTask(parent)
    const fed = this.fed(parent, value)
    const node = this.add(trie, parent, value, task, this.advance(trie, task, fed))
    let children = this.children[parent]
    if (children === undefined) {
      children = new Map()
      this.children[parent] = children
    }
    children.set(value, node)
    return node
  }

  /** The value that the code at a node gets on an edge. */
  private fed(node: number, value: number): unknown {
    const operation = this.operations[node]
    return operation === undefined
      ? this.returned.value(value)
      : decoded(this.tries[node]!.fn, operation, value)
  }

  private add(trie: Trie, parent: number, via: number, task: Task<unknown>, result: StepResult): number {
    const node = this.size
    const depth = parent < 0 ? 0 : this.depths[parent]! + 1
    let step = result.step
    if (step !== undefined && (result.endless || depth >= this.options.operationsPerCall)) {
      step = endlessFrame(functionName(trie.fn), this.options.operationsPerCall)
      this.endless.add(node)
    } else if (step !== undefined) this.park(node, task)
    this.tries.push(trie)
    this.parents.push(parent)
    this.via.push(via)
    this.depths.push(depth)
    this.steps.push(step)
    this.results.push(result.value)
    this.callees.push(-1)
    this.children.push(undefined)
    if (step === undefined) {
      this.kinds.push(RETURN)
      this.operations.push(undefined)
      this.futures.addReturn(node, parent)
    } else if (step instanceof Operation) {
      this.kinds.push(OPERATION)
      this.operations.push(step)
      this.futures.addOperation(node, parent, step)
    } else {
      this.kinds.push(CALL)
      this.operations.push(undefined)
      if (step.repeats === true) this.loops.add(node)
      this.futures.addCall(node, parent)
    }
    return node
  }

  /** An operation of the guest's own making, without history: where a stack grows without end. */
  addOrphan(like: number, operation: Operation<unknown>): number {
    const node = this.size
    this.tries.push(this.tries[like]!)
    this.parents.push(-1)
    this.via.push(0)
    this.depths.push(0)
    this.steps.push(operation)
    this.results.push(undefined)
    this.callees.push(-1)
    this.children.push(undefined)
    this.kinds.push(OPERATION)
    this.operations.push(operation)
    this.futures.addOperation(node, -1, operation)
    return node
  }

  /** Runs a generator to its next step that is not left out. */
  private advance(trie: Trie, task: Task<unknown>, fed: unknown): StepResult {
    let value = fed
    for (let skipped = 0; ; skipped++) {
      const result = resume(trie.fn, task, value)
      if (result.done) return { step: undefined, value: result.value, endless: false }
      const step = result.value
      const site = step instanceof Operation ? step.removable?.site : undefined
      if (site === undefined || !this.options.without.has(site) || !(step instanceof Operation)) {
        return { step, value: undefined, endless: false }
      }
      if (skipped >= this.options.operationsPerCall) return { step, value: undefined, endless: true }
      value = decoded(trie.fn, step, 0)
    }
  }

  private park(node: number, task: Task<unknown>): void {
    this.parked.set(node, task)
    if (this.parked.size <= MAX_PARKED) return
    const oldest = this.parked.keys().next().value
    if (oldest !== undefined) this.parked.delete(oldest)
  }

  private takeTask(node: number): Task<unknown> {
    const task = this.parked.get(node)
    if (task === undefined) return this.rerun(node)
    this.parked.delete(node)
    return task
  }

  /** Runs the history of a node again, comparing every step with what was recorded. */
  private rerun(node: number): Task<unknown> {
    const path: number[] = []
    for (let at = node; at >= 0; at = this.parents[at]!) path.push(at)
    path.reverse()
    const trie = this.tries[node]!
    const task = startTask(trie.fn, trie.args)
    let fed: unknown
    for (const [i, at] of path.entries()) {
      this.compare(at, this.advance(trie, task, fed).step)
      const next = path[i + 1]
      if (next !== undefined) fed = this.fed(at, this.via[next]!)
    }
    return task
  }

  private compare(node: number, again: Step | undefined): void {
    const before = this.steps[node]
    if (this.endless.has(node)) return
    if (before === undefined || again === undefined) {
      if (before === again) return
    } else if (before instanceof Operation) {
      if (again instanceof Operation && again.kind === before.kind && again.label === before.label) return
    } else if (
      !(again instanceof Operation) &&
      callKey(again.fn, again.args) === callKey(before.fn, before.args)
    ) {
      return
    }
    throw new GuestProgramError(
      'guest-nondeterministic',
      `${this.functionOf(node)} did not repeat itself on the same history: first ${nameOf(before)}, then ${nameOf(again)} ` +
        '(it must depend on nothing but its arguments and what its operations give back)',
    )
  }
}

interface StepResult {
  /** Undefined when the function has returned. */
  readonly step: Step | undefined
  readonly value: unknown
  readonly endless: boolean
}

function nameOf(step: Step | undefined): string {
  return step === undefined ? 'the end' : stepName(step)
}

/** Values that threads share through arguments and results cannot be changed behind the recorder's back. */
function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if ('handleId' in value) return value
  Object.freeze(value)
  for (const item of Object.values(value)) freeze(item)
  return value
}
