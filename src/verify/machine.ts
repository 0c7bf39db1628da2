/** States, what is enabled in them, and what each transition does: the rules of the model, as plainly as they can be written. */

import type { Commit, Footprint, Memory, Operation } from '../core/operation.ts'
import { canonicalKey } from '../core/plain.ts'
import type { Program, Source } from '../core/program.ts'
import type { Violation } from '../core/violation.ts'
import { Refused } from './refused.ts'
import { NO_ROWS, type Rows, rowsOfCommit, union } from './rows.ts'
import { DONE, Threads } from './threads.ts'

/** Cells, then local states, then buffers. */
export type State = readonly number[]

/** Alternatives of a process beside its sources, which are 0 and up. */
export const NEXT = -1
export const DRAIN = -2

/** What stands between a source and its delivery. */
export type Status = 'masked' | 'not ready' | 'waits for buffer' | 'deliverable'

const LOAD = 1
const READ = 2
const WRITE = 4

export class VerifiedMachine implements Memory {
  readonly program: Program
  readonly threads = new Threads()
  readonly processes: number
  readonly initial: State
  /** Per process and source: the handlers' first nodes. */
  readonly handlers: Set<number>[][]
  readonly commits: Commit[] = []
  readonly commitRows: Rows[] = []
  /** Contents of store buffers, oldest first; buffer 0 is empty. */
  readonly buffers: (readonly number[])[] = [[]]
  readonly bufferRows: Rows[] = [NO_ROWS]
  private seenAll = 0n
  private seenDirect = 0n
  private tracking = false
  private readonly cells: number
  private readonly commitIds = new Map<string, number>()
  private readonly bufferIds = new Map<string, number>([['', 0]])
  private readonly rights = new WeakMap<object, Uint8Array<ArrayBuffer>>()
  private state: number[] = []
  private forwarded: readonly number[] = []
  private allowed = new Uint8Array()
  private readOnly = false
  private actor = ''
  private violation: Violation | undefined

  constructor(program: Program) {
    this.program = program
    this.cells = program.cells.size
    this.processes = program.processes.length
    this.handlers = program.processes.map(({ sources }) => sources.map(() => new Set<number>()))
    const locals = program.processes.map(({ main }) =>
      main === undefined ? DONE : this.threads.start(DONE, main),
    )
    const initial = program.cells.cells.map((cell) => cell.initial)
    this.initial = [...initial, ...locals, ...program.processes.map(() => 0)]
  }

  local(state: State, p: number): number {
    return state[this.cells + p]!
  }

  buffer(state: State, p: number): number {
    return state[this.cells + this.processes + p]!
  }

  /** Outcomes of a process's next operation; 0 when it is blocked or there is none. */
  choices(state: State, p: number): number {
    const operation = this.threads.operation(this.local(state, p))
    if (operation === undefined) return 0
    if (operation.drains && this.buffer(state, p) !== 0) return 0
    return this.holds(state, p, operation, operation.guard) ? operation.choices : 0
  }

  /** Evaluates a guard, or a part of one. */
  holds(
    state: State,
    p: number,
    operation: Operation<unknown>,
    guard: ((memory: Memory) => boolean) | undefined,
  ): boolean {
    if (guard === undefined) return true
    this.look(state, p, operation, operation.footprint())
    return guard(this)
  }

  status(state: State, p: number, source: Source): Status {
    if (this.isMasked(state, p, source)) return 'masked'
    if (!this.isReady(state, p, source)) return 'not ready'
    return source.drains && this.buffer(state, p) !== 0 ? 'waits for buffer' : 'deliverable'
  }

  isMasked(state: State, p: number, source: Source): boolean {
    this.look(state, p, source, source.footprint)
    return source.masked(this)
  }

  isReady(state: State, p: number, source: Source): boolean {
    this.look(state, p, source, source.footprint)
    return source.ready(this)
  }

  /** The cells that an evaluation looks at, and what it gives. */
  seenBy(evaluate: () => boolean): { readonly value: boolean; readonly seen: Rows } {
    this.seenAll = 0n
    this.seenDirect = 0n
    this.tracking = true
    const value = evaluate()
    this.tracking = false
    return { value, seen: { ...NO_ROWS, all: this.seenAll, direct: this.seenDirect } }
  }

  /** Every enabled transition of a process (or of its drain), as (alternative, choice). */
  enabled(state: State, p: number): (readonly [number, number])[] {
    const found = Array.from({ length: this.choices(state, p) }, (_, choice) => [NEXT, choice] as const)
    const { sources } = this.program.processes[p]!
    const deliveries = sources.flatMap((source, s) =>
      this.status(state, p, source) === 'deliverable' ? [[s, 0] as const] : [],
    )
    return [...found, ...deliveries]
  }

  /** Carries out an enabled transition. @throws Refused when it violates a property */
  step(state: State, p: number, alternative: number, choice: number): State {
    const next = [...state]
    this.violation = undefined
    if (alternative === NEXT) this.operate(state, next, p, choice)
    else if (alternative === DRAIN) this.drain(state, next, p)
    else this.deliver(state, next, p, alternative)
    // Assigned where `violate` is called.
    const violation = this.violation as Violation | undefined
    if (violation !== undefined) {
      const { name } = this.program.processes[p]!
      throw new Refused(`"${this.actor}" of ${name} violates ${violation.property}: ${violation.message}`)
    }
    return next
  }

  private operate(state: State, next: number[], p: number, choice: number): void {
    const local = this.local(state, p)
    const operation = this.threads.operation(local)!
    this.look(next, p, operation, operation.footprint())
    this.readOnly = false
    const raw = operation.apply(this, choice)
    const { commit } = operation
    if (commit !== undefined && this.program.processes[p]!.buffered) {
      next[this.cells + this.processes + p] = this.append(this.buffer(state, p), p, commit)
    } else if (commit !== undefined) this.commit(next, p, commit)
    next[this.cells + p] = this.threads.after(local, raw)
  }

  private drain(state: State, next: number[], p: number): void {
    const [oldest, ...rest] = this.buffers[this.buffer(state, p)]!
    const commit = this.commits[oldest!]!
    this.commit(next, p, commit)
    if (commit.cell !== undefined && next[commit.cell] !== commit.value)
      throw new Refused(`the store "${commit.label}" leaves another value than loads forward`)
    next[this.cells + this.processes + p] = this.intern(rest)
  }

  private commit(next: number[], p: number, commit: Commit): void {
    this.look(next, p, commit, commit.footprint())
    this.forwarded = []
    this.readOnly = false
    commit.apply(this)
  }

  private deliver(state: State, next: number[], p: number, s: number): void {
    const source = this.program.processes[p]!.sources[s]!
    this.look(next, p, source, source.footprint)
    this.readOnly = false
    const frame = source.frame(source.enter(this))
    this.handlers[p]![s]!.add(this.threads.root(frame.fn, frame.args))
    next[this.cells + p] = this.threads.start(this.local(state, p), frame)
  }

  private append(buffer: number, p: number, commit: Commit): number {
    const key = canonicalKey([p, commit.key])
    let id = this.commitIds.get(key)
    if (id === undefined) {
      id = this.commits.push(commit) - 1
      this.commitRows.push(rowsOfCommit(commit))
      this.commitIds.set(key, id)
    }
    return this.intern([...this.buffers[buffer]!, id])
  }

  private intern(content: readonly number[]): number {
    const key = content.join(' ')
    let id = this.bufferIds.get(key)
    if (id === undefined) {
      id = this.buffers.push(content) - 1
      this.bufferRows.push(content.map((commit) => this.commitRows[commit]!).reduce(union, NO_ROWS))
      this.bufferIds.set(key, id)
    }
    return id
  }

  // The memory that operations see: nothing outside their footprints ----------------------------------------------------

  private look(
    state: State,
    p: number,
    actor: { readonly label: string },
    { loads, reads, writes }: Footprint,
  ): void {
    let allowed = this.rights.get(actor)
    if (allowed === undefined) {
      allowed = new Uint8Array(this.cells)
      for (const cell of loads ?? []) allowed[cell] = allowed[cell]! | LOAD
      for (const cell of reads ?? []) allowed[cell] = allowed[cell]! | LOAD | READ
      for (const cell of writes ?? []) allowed[cell] = LOAD | READ | WRITE
      this.rights.set(actor, allowed)
    }
    this.allowed = allowed
    this.state = state as number[]
    this.forwarded = this.buffers[this.buffer(state, p)]!
    this.actor = actor.label
    this.readOnly = true
  }

  get(cell: number): number {
    if ((this.allowed[cell]! & READ) === 0) this.outside(cell)
    if (this.tracking) {
      this.seenAll |= 1n << BigInt(cell)
      this.seenDirect |= 1n << BigInt(cell)
    }
    return this.state[cell]!
  }

  peek(cell: number): number {
    return this.state[cell]!
  }

  load(cell: number): number {
    if ((this.allowed[cell]! & LOAD) === 0) this.outside(cell)
    if (this.tracking) this.seenAll |= 1n << BigInt(cell)
    const { forwarded } = this
    for (let i = forwarded.length - 1; i >= 0; i--) {
      const commit = this.commits[forwarded[i]!]!
      if (commit.cell === cell) return commit.value
    }
    return this.state[cell]!
  }

  set(cell: number, value: number): void {
    if (this.readOnly || (this.allowed[cell]! & WRITE) === 0) this.outside(cell)
    if (value >>> 0 !== value) throw new Refused(`"${this.actor}" sets a cell to ${value}`)
    this.state[cell] = value
  }

  violate(violation: Violation): void {
    this.violation ??= violation
  }

  private outside(cell: number): never {
    const { name } = this.program.cells.cells[cell]!
    throw new Refused(`"${this.actor}" touches ${name} outside its footprint`)
  }
}

/** Equal exactly for equal states. */
export function keyOf(state: State): string {
  let key = ''
  for (const value of state)
    key +=
      value < 0xffff
        ? String.fromCharCode(value)
        : `\uffff${String.fromCharCode(value >>> 16, value & 0xffff)}`
  return key
}
