/**
 * Runs a schedule on live generators, with plain arrays: the second opinion on every counterexample. It shares no code with
 * the recorder, the packed states or the search; what it says is what is printed.
 */
import type { Cell } from '../core/cells.ts'
import type { Commit, Footprint, Memory, Operation } from '../core/operation.ts'
import type { Program, Source } from '../core/program.ts'
import type { Violation } from '../core/violation.ts'
import { deadlock, type Waiting } from './deadlock.ts'
import { functionName, guestThrew } from './guest.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import { type LiveFrame, LiveStacks, stackIdentity } from './live-stack.ts'
import type { Action, TrailStep } from './verdict.ts'
import { withFunctionNames } from './where.ts'

export interface ReplayOptions {
  readonly without?: ReadonlySet<string> | undefined
  readonly maxOperationsPerCall?: number | undefined
  /** Steps tell what they touch and what the state is like, and name every function that they happen in (not only called ones). Slow. */
  readonly detailed?: boolean
  /** Told of the state before each step, and of the last one. */
  readonly onState?: (state: LiveState) => void
}

/** A process between two steps. */
export interface LiveProcess {
  /** Frames on its stack that nobody has called: 1 for a main function, one more with each handler on top. */
  readonly level: number
  readonly operation: Operation<unknown> | undefined
  /** The function that the operation is yielded in, as far as frames know. */
  readonly fn: string
  /** The operation may happen. */
  readonly enabled: boolean
  readonly buffered: number
  /** Sources that can be delivered and have been asked for. */
  readonly deliverable: readonly number[]
}

export interface LiveState {
  /** Equal for states from which everything goes on in the same way. */
  readonly identity: string
  readonly processes: readonly LiveProcess[]
}

/** What a step may have touched, for {@link causalPast}. */
export interface StepAccess {
  readonly own: Footprint
  /** Of a drain: the step by which its store entered the buffer. */
  readonly enqueuedAt: number | undefined
  readonly drains: boolean
}

export interface Replay {
  readonly steps: readonly TrailStep[]
  readonly accesses: readonly StepAccess[]
  /** The violation of the last step, or of the state that it leads to. */
  readonly violation: Violation | undefined
  /** Actions that were not possible: the schedule does not fit the program. */
  readonly impossible: boolean
}

interface Buffered {
  readonly commit: Commit
  readonly step: number
}

/** Replays a schedule up to its first violation. */
export function replay(program: Program, actions: readonly Action[], options: ReplayOptions = {}): Replay {
  if (options.detailed !== true) return new Replayer(program, options).run(actions)
  return withFunctionNames((latest) => new Replayer(program, options, latest).run(actions))
}

class Replayer implements Memory {
  private readonly program: Program
  private readonly live: LiveStacks
  private readonly cells: number[]
  private readonly stacks: LiveFrame[][] = []
  private readonly buffers: Buffered[][]
  private readonly detailed: boolean
  private readonly onState: ReplayOptions['onState']
  private acting = 0
  private forwarding = false
  private violation: Violation | undefined

  constructor(program: Program, options: ReplayOptions, latest: () => readonly string[] = () => []) {
    this.program = program
    this.detailed = options.detailed === true
    this.onState = options.onState
    this.live = new LiveStacks({
      limit: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
      without: options.without ?? new Set(),
      latest,
    })
    this.cells = program.cells.cells.map(({ initial }) => initial)
    this.buffers = program.processes.map(() => [])
    for (const { main } of program.processes) {
      const stack: LiveFrame[] = []
      this.stacks.push(stack)
      if (main !== undefined) this.live.start(stack, main.fn, main.args, false)
    }
  }

  run(actions: readonly Action[]): Replay {
    const steps: TrailStep[] = []
    const accesses: StepAccess[] = []
    for (const action of actions) {
      this.onState?.(this.state())
      const before = this.cells.slice()
      const done = this.act(action, steps.length)
      if (done === undefined) return { steps, accesses, violation: undefined, impossible: true }
      accesses.push(done.access)
      steps.push({
        ...action,
        processName: this.program.processes[action.process]!.name,
        ...done.shown,
        ...this.touched(done.access.own),
        facts: this.detailed ? this.facts() : [],
        changes: this.changes(before),
      })
      if (this.violation !== undefined) break
    }
    this.onState?.(this.state())
    const violation = this.violation ?? this.stuck()
    return { steps, accesses, violation, impossible: false }
  }

  // Memory -----------------------------------------------------------------------------------------------------------

  get(cell: Cell): number {
    return this.cells[cell]!
  }

  peek(cell: Cell): number {
    return this.cells[cell]!
  }

  load(cell: Cell): number {
    if (this.forwarding) {
      const newest = this.buffers[this.acting]!.findLast(({ commit }) => commit.cell === cell)
      if (newest !== undefined) return newest.commit.value
    }
    return this.cells[cell]!
  }

  set(cell: Cell, value: number): void {
    this.cells[cell] = value
  }

  violate(violation: Violation): void {
    this.violation ??= violation
  }

  // Steps ------------------------------------------------------------------------------------------------------------

  private act(action: Action, step: number): Done | undefined {
    const { process, alternative } = action
    const description = this.program.processes[process]
    if (description === undefined) return undefined
    this.acting = process
    this.forwarding = true
    if (alternative === -2) return this.drain(process)
    const names = this.stacks[process]!.flatMap(({ fn, functions }) =>
      functions.length > 0 ? functions : [functionName(fn)],
    )
    if (alternative === -1) return this.operate(action, step, names)
    const source = description.sources[alternative]
    return source === undefined ? undefined : this.deliver(process, source, names)
  }

  private operate({ process, choice }: Action, step: number, stack: string[]): Done | undefined {
    const top = this.stacks[process]!.at(-1)
    const operation = top?.operation
    if (operation === undefined || !this.isEnabled(process, operation)) return undefined
    if (choice >= operation.choices) return undefined
    const { commit, kind, label, drains, host = false } = operation
    const raw = this.effect(label, () => operation.apply(this, choice))
    let own = operation.footprint()
    let buffered: TrailStep['buffered']
    if (commit !== undefined && this.program.processes[process]!.buffered) {
      this.buffers[process]!.push({ commit, step })
      buffered = this.touched(commit.footprint()).writes
    } else if (commit !== undefined) {
      this.forwarding = false
      this.effect(label, () => commit.apply(this))
      own = both(own, commit.footprint())
    }
    const observed = operation.explain?.(raw)
    if (this.violation === undefined) this.live.feed(this.stacks[process]!, raw)
    const shown = { kind, label, observed, stack, host, ...(buffered && { buffered }) }
    return { shown, access: { own, enqueuedAt: undefined, drains } }
  }

  private drain(process: number): Done | undefined {
    const oldest = this.buffers[process]!.shift()
    if (oldest === undefined) return undefined
    const { commit, step } = oldest
    this.forwarding = false
    this.effect(commit.label, () => commit.apply(this))
    const shown = { kind: 'drain' as const, label: commit.label, observed: undefined, stack: [], host: false }
    return { shown, access: { own: commit.footprint(), enqueuedAt: step, drains: false } }
  }

  private deliver(process: number, source: Source, stack: string[]): Done | undefined {
    if (!this.isDeliverable(process, source)) return undefined
    const raw = this.effect(source.label, () => source.enter(this))
    if (this.violation === undefined) {
      const { fn, args } = source.frame(raw)
      this.live.start(this.stacks[process]!, fn, args, false)
    }
    const { label, host = false, footprint, drains } = source
    const shown = { kind: 'deliver' as const, label, observed: undefined, stack, host }
    return { shown, access: { own: footprint, enqueuedAt: undefined, drains } }
  }

  private isEnabled(process: number, operation: Operation<unknown>): boolean {
    this.acting = process
    this.forwarding = true
    if (operation.drains && this.buffers[process]!.length > 0) return false
    return operation.guard === undefined || operation.guard(this)
  }

  private isDeliverable(process: number, source: Source): boolean {
    this.acting = process
    this.forwarding = true
    if (source.drains && this.buffers[process]!.length > 0) return false
    return !source.masked(this) && source.ready(this)
  }

  private effect<T>(label: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw guestThrew(`"${label}"`, error)
    }
  }

  // What is seen -----------------------------------------------------------------------------------------------------

  private state(): LiveState {
    const { cells, stacks, buffers } = this
    const queues = buffers.map((queue) => queue.map(({ commit }) => commit.key))
    return {
      identity: JSON.stringify([cells, queues, stacks.map(stackIdentity)]),
      processes: this.program.processes.map(({ sources }, p) => {
        const operation = stacks[p]!.at(-1)?.operation
        return {
          level: stacks[p]!.filter(({ called }) => !called).length,
          operation,
          fn: nameOf(stacks[p]!.at(-1)),
          enabled: operation !== undefined && this.isEnabled(p, operation),
          buffered: buffers[p]!.length,
          deliverable: sources.flatMap((source, s) =>
            source.optional !== true && this.isDeliverable(p, source) ? [s] : [],
          ),
        }
      }),
    }
  }

  private facts(): readonly string[] {
    this.forwarding = false
    return this.program.describe?.(this) ?? []
  }

  private touched({ loads = [], reads = [], writes = [] }: Footprint): Pick<TrailStep, 'reads' | 'writes'> {
    if (!this.detailed) return { reads: [], writes: [] }
    const names = (cells: readonly Cell[]) => [...new Set(cells)].map((cell) => this.program.cells.name(cell))
    return { reads: names([...loads, ...reads]), writes: names(writes) }
  }

  private changes(before: readonly number[]): TrailStep['changes'] {
    const changes: { cell: string; before: number; after: number }[] = []
    for (let cell = 0; cell < before.length; cell++) {
      const after = this.cells[cell]!
      if (after === before[cell]) continue
      changes.push({ cell: this.program.cells.name(cell as Cell), before: before[cell]!, after })
    }
    return changes
  }

  /** Whether nobody can move although somebody has to. */
  private stuck(): Violation | undefined {
    const waiting: Waiting[] = []
    for (const [p, { name, daemon, sources }] of this.program.processes.entries()) {
      if (this.buffers[p]!.length > 0) return undefined
      if (sources.some((source) => this.isDeliverable(p, source))) return undefined
      const operation = this.stacks[p]!.at(-1)?.operation
      if (operation === undefined) continue
      if (this.isEnabled(p, operation)) return undefined
      if (!daemon) waiting.push({ process: name, operation })
    }
    return waiting.length === 0 ? undefined : deadlock(waiting)
  }
}

function nameOf(frame: LiveFrame | undefined): string {
  return frame === undefined ? '' : (frame.functions.at(-1) ?? functionName(frame.fn))
}

interface Done {
  readonly shown: Pick<TrailStep, 'kind' | 'label' | 'observed' | 'stack' | 'host' | 'buffered'>
  readonly access: StepAccess
}

function both(a: Footprint, b: Footprint): Footprint {
  return {
    loads: [...(a.loads ?? []), ...(b.loads ?? [])],
    reads: [...(a.reads ?? []), ...(b.reads ?? [])],
    writes: [...(a.writes ?? []), ...(b.writes ?? [])],
  }
}
