/**
 * One state at a time: which transitions are enabled, and what each of them does. Nothing here searches.
 *
 * Movers are the processes and, for processes with a store buffer, their drains (EXPLORER 1 and 2).
 */

import { GuestProgramError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import type { Violation } from '../core/violation.ts'
import type { Automata } from './automata.ts'
import { EMPTY } from './buffers.ts'
import { deadlock, type Waiting } from './deadlock.ts'
import { guestThrew } from './guest.ts'
import { CellOverflow, Layout } from './layout.ts'
import { DONE, HALT } from './locals.ts'
import { PackedMemory } from './memory.ts'

/** `Action.alternative` of a drain. */
export const DRAIN = -2
/** `Action.alternative` of a process's next operation. */
export const NEXT = -1

/** What stands between a source and its delivery. */
export const MASKED = 0
export const NOT_READY = 1
export const BUFFER_FULL = 2
export const DELIVERABLE = 3

/** First widths of the fields that are not cells. */
const LOCAL_BITS = 13
const BUFFER_BITS = 8

/** Widths of all fields: the cells, the local states, the buffers. */
export function firstWidths(program: Program): number[] {
  const cells = program.cells.cells.map(({ bits }) => Math.min(bits, 32))
  const buffers = program.processes.map(({ buffered }) => (buffered ? BUFFER_BITS : 0))
  return [...cells, ...program.processes.map(() => LOCAL_BITS), ...buffers]
}

export class Engine {
  readonly automata: Automata
  readonly program: Program
  readonly processes: number
  readonly layout: Layout
  readonly memory: PackedMemory
  /** The state that {@link load} took apart. */
  readonly current: Uint32Array
  /** The state that {@link step} made. */
  readonly next: Uint32Array
  readonly local: Int32Array
  readonly buffer: Int32Array
  readonly buffered: Uint8Array
  /** Outcomes of each process's next operation; 0 when it is blocked or there is none. */
  readonly choices: Int32Array
  /** {@link MASKED} to {@link DELIVERABLE}, by number of the source. */
  readonly sourceStatus: Uint8Array
  /** Enabled transitions of each process. */
  readonly enabled: Int32Array
  /** Any process has halted. */
  halted = false
  private readonly localField: number
  private readonly bufferField: number

  constructor(automata: Automata, widths: readonly number[]) {
    const { program, buffers, handlers, recorder } = automata
    this.automata = automata
    this.program = program
    this.processes = program.processes.length
    this.layout = new Layout(widths)
    this.memory = new PackedMemory(this.layout, buffers, program.cells, recorder.futures.own.words)
    this.current = new Uint32Array(this.layout.words)
    this.next = new Uint32Array(this.layout.words)
    this.local = new Int32Array(this.processes)
    this.buffer = new Int32Array(this.processes)
    this.buffered = Uint8Array.from(program.processes, ({ buffered }) => (buffered ? 1 : 0))
    this.choices = new Int32Array(this.processes)
    this.sourceStatus = new Uint8Array(handlers.sources.length)
    this.enabled = new Int32Array(this.processes)
    this.localField = program.cells.size
    this.bufferField = program.cells.size + this.processes
  }

  /** Makes the initial state current. */
  loadInitial(): void {
    this.current.fill(0)
    for (const [cell, { initial }] of this.program.cells.cells.entries()) {
      this.layout.put(this.current, cell, initial)
    }
    for (const [process, local] of this.automata.initial.entries()) {
      this.layout.put(this.current, this.localField + process, local)
    }
    this.load()
  }

  /** Takes {@link current} apart and finds what is enabled; gives the number of enabled transitions. */
  load(): number {
    try {
      return this.takeApart()
    } catch (error) {
      throw guestThrew(`"${this.memory.actor?.label}"`, error)
    }
  }

  private takeApart(): number {
    const { layout, current, local, buffer, automata } = this
    const { handlers, locals } = automata
    let total = 0
    this.halted = false
    for (let p = 0; p < this.processes; p++) {
      const at = layout.get(current, this.localField + p)
      local[p] = at
      const pending = this.buffered[p] === 1 ? layout.get(current, this.bufferField + p) : EMPTY
      buffer[p] = pending
      let enabled = 0
      if (at === HALT) this.halted = true
      this.choices[p] = at > HALT ? this.outcomes(p, locals.nodes.data[at]!) : 0
      enabled += this.choices[p]!
      for (let s = handlers.first[p]!; s < handlers.first[p + 1]!; s++) {
        const status = at === HALT ? MASKED : this.statusOf(p, s)
        this.sourceStatus[s] = status
        if (status === DELIVERABLE) enabled++
      }
      this.enabled[p] = enabled
      total += enabled
      if (pending !== EMPTY) total++
    }
    return total
  }

  /** Whether a process's operation at `node` may happen, as its number of outcomes. */
  private outcomes(process: number, node: number): number {
    const operation = this.automata.recorder.operations[node]!
    if (operation.drains && this.buffer[process] !== EMPTY) return 0
    if (operation.guard === undefined) return operation.choices
    return this.guardHolds(process, node) ? operation.choices : 0
  }

  /**
   * Visits the reasons for which the operation at `node` is blocked: for each part of its guard that does not hold, its cells are
   * in {@link memory}'s `seen` and `seenDirect` during the visit.
   */
  eachReason(process: number, node: number, visit: () => void): void {
    const { memory } = this
    const { conjuncts } = this.automata.recorder.operations[node]!
    memory.startTracking()
    this.guardHolds(process, node)
    memory.tracking = false
    if (conjuncts === undefined) visit()
    for (const holds of conjuncts ?? []) {
      memory.startTracking()
      const blocks = !holds(memory)
      memory.tracking = false
      if (blocks) visit()
    }
  }

  /** Evaluates the guard of the operation at `node`. */
  guardHolds(process: number, node: number): boolean {
    const { memory } = this
    const operation = this.automata.recorder.operations[node]!
    memory.words = this.current
    memory.buffer = this.buffer[process]!
    memory.actor = operation
    memory.allowGuard(this.automata.recorder.futures.own, node)
    return operation.guard!(memory)
  }

  private statusOf(process: number, index: number): number {
    const source = this.automata.handlers.sources[index]!
    this.lookAt(process, index)
    if (source.masked(this.memory)) return MASKED
    if (!source.ready(this.memory)) return NOT_READY
    return source.drains && this.buffer[process] !== EMPTY ? BUFFER_FULL : DELIVERABLE
  }

  /** Prepares {@link memory} for `masked` and `ready` of a source. */
  lookAt(process: number, index: number): void {
    const { memory } = this
    memory.words = this.current
    memory.buffer = this.buffer[process]!
    memory.actor = this.automata.handlers.sources[index]!
    memory.allowGuard(this.automata.handlers.own, index)
  }

  /** Carries out one enabled transition of the current state; the successor is in {@link next}. */
  step(process: number, alternative: number, choice: number): Violation | undefined {
    this.next.set(this.current)
    this.memory.words = this.next
    this.memory.violation = undefined
    try {
      if (alternative === NEXT) this.operate(process, choice)
      else if (alternative === DRAIN) this.drain(process)
      else this.deliver(process, alternative)
    } catch (error) {
      if (error instanceof CellOverflow) throw error
      throw guestThrew(`"${this.memory.actor?.label}" of ${this.program.processes[process]!.name}`, error)
    }
    return this.memory.violation
  }

  private operate(process: number, choice: number): void {
    const { memory, automata, layout, next } = this
    const { locals, recorder, buffers } = automata
    const at = this.local[process]!
    const node = locals.nodes.data[at]!
    const operation = recorder.operations[node]!
    const own = recorder.futures.own
    memory.actor = operation
    memory.buffer = this.buffer[process]!
    memory.allowEffect(own, node)
    const raw = operation.apply(memory, choice)
    const commit = operation.commit
    if (commit !== undefined) {
      if (this.buffered[process] === 1) {
        const longer = buffers.append(this.buffer[process]!, process, node, commit)
        layout.put(next, this.bufferField + process, longer)
      } else {
        memory.allowCommit(own, node)
        commit.apply(memory)
      }
    }
    layout.put(next, this.localField + process, memory.violation === undefined ? locals.step(at, raw) : HALT)
  }

  /** A violation in a drain stops nobody: the process has gone on long since. */
  private drain(process: number): void {
    const { memory, layout, next } = this
    const { buffers } = this.automata
    const buffer = this.buffer[process]!
    const id = buffers.heads.at(buffer)
    const commit = buffers.commits[id]!
    memory.actor = commit
    memory.buffer = EMPTY
    memory.allowCommit(buffers.commitRows, id)
    commit.apply(memory)
    if (commit.cell !== undefined && layout.get(next, commit.cell) !== commit.value) {
      throw new GuestProgramError(
        'guest-invalid',
        `the store "${commit.label}" leaves another value in its cell than later loads forward`,
      )
    }
    layout.put(next, this.bufferField + process, buffers.rests.at(buffer))
  }

  private deliver(process: number, alternative: number): void {
    const { memory, layout, next } = this
    const { handlers, locals } = this.automata
    const index = handlers.first[process]! + alternative
    const source = handlers.sources[index]!
    memory.actor = source
    memory.buffer = this.buffer[process]!
    memory.allowEffect(handlers.own, index)
    const raw = source.enter(memory)
    if (!this.automata.cycles.needProviso) {
      memory.allowGuard(handlers.own, index)
      this.automata.cycles.note(index, layout, this.current, memory)
    }
    const local =
      memory.violation === undefined ? locals.push(this.local[process]!, handlers.root(index, raw)) : HALT
    layout.put(next, this.localField + process, local)
  }

  /** The violation in a current state without enabled transitions, if it is one. */
  stuck(): Violation | undefined {
    const waiting: Waiting[] = []
    for (const [p, { name, daemon }] of this.program.processes.entries()) {
      const at = this.local[p]!
      if (at === HALT) return undefined
      if (at !== DONE && !daemon) waiting.push({ process: name, operation: this.operationOf(at) })
    }
    return waiting.length === 0 ? undefined : deadlock(waiting)
  }

  /** The current state over the declared cells, and what has become of the processes. */
  describe(): string {
    const cells = this.program.cells.cells.map((_, cell) => this.layout.get(this.current, cell))
    const fates = Array.from(this.local, (at) => (at === DONE ? 'done' : at === HALT ? 'halted' : 'blocked'))
    return `${cells.join(' ')} | ${fates.join(' ')}`
  }

  private operationOf(local: number) {
    const { locals, recorder } = this.automata
    return recorder.operations[locals.nodes.at(local)]!
  }
}
