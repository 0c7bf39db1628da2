/**
 * One state at a time: which transitions are enabled, and what each of them does. Nothing here searches.
 *
 * Movers are the processes and, for processes with a store buffer, their drains (EXPLORER 1 and 2).
 */

import { GuestProgramError } from '../core/errors.ts'
import { mayLearn, PutOff } from '../core/learning.ts'
import type { Program } from '../core/program.ts'
import type { Violation } from '../core/violation.ts'
import type { Automata } from './automata.ts'
import { EMPTY } from './buffers.ts'
import { deadlock, type Waiting } from './deadlock.ts'
import { type Decisions, UNKNOWN } from './decisions.ts'
import { guestThrew } from './guest.ts'
import { CellOverflow, Layout } from './layout.ts'
import { DONE, HALT } from './locals.ts'
import { PackedMemory, PEEK } from './memory.ts'
import { DRAINS, NONE, STORES } from './trees.ts'

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
  /** By source: the outcome that masks it, or for which it is not ready, by its status. */
  readonly maskedBy: Int32Array
  readonly notReadyBy: Int32Array
  /** What knew the answer to what was asked last; {@link UNKNOWN} if the code was run and cannot be kept. */
  outcome = UNKNOWN
  /** Any process has halted. */
  halted = false
  violation: Violation | undefined
  /** Who carries out a step. */
  private mover = 0
  private readonly decisions: Decisions
  private readonly localField: number
  private readonly bufferField: number

  constructor(automata: Automata, widths: readonly number[]) {
    const { program, buffers, handlers } = automata
    this.automata = automata
    this.program = program
    this.processes = program.processes.length
    this.layout = new Layout(widths)
    this.memory = new PackedMemory(this.layout, buffers, program.cells)
    this.current = new Uint32Array(this.layout.words)
    this.next = new Uint32Array(this.layout.words)
    this.local = new Int32Array(this.processes)
    this.buffer = new Int32Array(this.processes)
    this.buffered = Uint8Array.from(program.processes, ({ buffered }) => (buffered ? 1 : 0))
    this.choices = new Int32Array(this.processes)
    this.sourceStatus = new Uint8Array(handlers.sources.length)
    this.enabled = new Int32Array(this.processes)
    this.maskedBy = new Int32Array(handlers.sources.length)
    this.notReadyBy = new Int32Array(handlers.sources.length)
    this.decisions = automata.trees.decisions
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
    const { layout, current, local, buffer, automata, choices, sourceStatus } = this
    const { locals, trees } = automata
    const { first } = automata.handlers
    if (trees.size < automata.recorder.size) trees.extend()
    let total = 0
    this.halted = false
    for (let p = 0; p < this.processes; p++) {
      const at = layout.get(current, this.localField + p)
      local[p] = at
      const pending = this.buffered[p] === 1 ? layout.get(current, this.bufferField + p) : EMPTY
      buffer[p] = pending
      if (at === HALT) this.halted = true
      let enabled = at > HALT ? this.outcomes(locals.nodes.data[at]!, pending) : 0
      choices[p] = enabled
      for (let s = first[p]!; s < first[p + 1]!; s++) {
        const status = at === HALT ? MASKED : this.statusOf(s, pending)
        sourceStatus[s] = status
        if (status === DELIVERABLE) enabled++
      }
      this.enabled[p] = enabled
      total += enabled
      if (pending !== EMPTY) total++
    }
    return total
  }

  /** Whether the operation at `node` may happen, as its number of outcomes. */
  private outcomes(node: number, pending: number): number {
    const { trees } = this.automata
    if (pending !== EMPTY && (trees.flags.data[node]! & DRAINS) !== 0) return 0
    const guard = trees.guards.data[node]!
    return guard === NONE || this.ask(guard, pending) === 1 ? trees.choices.data[node]! : 0
  }

  private statusOf(s: number, pending: number): number {
    const { masked, ready } = this.automata.trees
    if (this.ask(masked[s]!, pending) === 1) {
      this.maskedBy[s] = this.outcome
      return MASKED
    }
    const isReady = this.ask(ready[s]!, pending) === 1
    if (!isReady) {
      this.notReadyBy[s] = this.outcome
      return NOT_READY
    }
    return pending !== EMPTY && this.automata.handlers.sources[s]!.drains ? BUFFER_FULL : DELIVERABLE
  }

  /** What a function that only looks says of the current state; {@link outcome} is what knew it. */
  ask(tree: number, buffer: number): number {
    const { decisions } = this
    const outcome = decisions.find(tree, this.layout, this.current, buffer)
    if (outcome === UNKNOWN) return this.run(tree, this.current, buffer)
    this.outcome = outcome
    return decisions.values[outcome]!
  }

  /** Lets a function take effect on {@link next}. */
  private act(tree: number, buffer: number): number {
    const { decisions, layout, next } = this
    const outcome = decisions.find(tree, layout, next, buffer)
    if (outcome === UNKNOWN) return this.run(tree, next, buffer)
    const end = decisions.firstWrite.data[outcome + 1]!
    for (let i = decisions.firstWrite.data[outcome]!; i < end; i++)
      layout.put(next, decisions.writtenCells.data[i]!, decisions.writtenValues[i]!)
    this.violation ??= decisions.violations[outcome]
    return decisions.values[outcome]!
  }

  /** Runs the code of a function, and takes down what it did. */
  private run(tree: number, words: Uint32Array, buffer: number): number {
    const { decisions, memory, layout } = this
    const code = decisions.codes[tree]!
    // What cannot be kept is not learnt either.
    if (!decisions.isClosed(tree)) mayLearn()
    memory.begin(words, buffer, code.actor)
    code.allow(memory)
    let value: number
    try {
      value = code.run(memory)
    } catch (error) {
      if (error instanceof CellOverflow || error instanceof PutOff) throw error
      const whose = words === this.next ? ` of ${this.program.processes[this.mover]!.name}` : ''
      throw guestThrew(`"${code.actor.label}"${whose}`, error)
    }
    this.violation ??= memory.violation
    this.outcome = decisions.learn(tree, memory, layout, value)
    return value
  }

  /** Visits what keeps the operation at `node` from happening: for each part of its guard that does not hold, {@link outcome}. */
  eachReason(process: number, node: number, visit: () => void): void {
    const { automata } = this
    const { guards, parts } = automata.trees
    const pending = this.buffer[process]!
    const { conjuncts } = automata.recorder.operations[node]!
    if (conjuncts === undefined) {
      this.ask(guards.at(node), pending)
      visit()
      return
    }
    for (let i = 0; i < conjuncts.length; i++) if (this.ask(parts.at(node) + i, pending) === 0) visit()
  }

  /** Carries out one enabled transition of the current state; the successor is in {@link next}. */
  step(process: number, alternative: number, choice: number): Violation | undefined {
    this.next.set(this.current)
    this.violation = undefined
    this.mover = process
    if (alternative === NEXT) this.operate(process, choice)
    else if (alternative === DRAIN) this.drain(process)
    else this.deliver(process, alternative)
    return this.violation
  }

  private operate(process: number, choice: number): void {
    const { automata, layout, next } = this
    const { locals, recorder, buffers, trees } = automata
    const at = this.local[process]!
    const node = locals.nodes.data[at]!
    const pending = this.buffer[process]!
    const raw = this.act(trees.effects.data[node]! + choice, pending)
    if ((trees.flags.data[node]! & STORES) !== 0) {
      if (this.buffered[process] === 1) {
        const longer = buffers.append(pending, process, node, recorder.operations[node]!.commit!)
        layout.put(next, this.bufferField + process, longer)
      } else this.act(trees.ofDirectCommit(node), pending)
    }
    layout.put(next, this.localField + process, this.violation === undefined ? locals.step(at, raw) : HALT)
  }

  /** A violation in a drain stops nobody: the process has gone on long since. */
  private drain(process: number): void {
    const { layout, next } = this
    const { buffers, trees } = this.automata
    const buffer = this.buffer[process]!
    const id = buffers.heads.at(buffer)
    const commit = buffers.commits[id]!
    this.act(trees.ofCommit(id), EMPTY)
    if (commit.cell !== undefined && layout.get(next, commit.cell) !== commit.value) {
      throw new GuestProgramError(
        'guest-invalid',
        `the store "${commit.label}" leaves another value in its cell than later loads forward`,
      )
    }
    layout.put(next, this.bufferField + process, buffers.rests.at(buffer))
  }

  private deliver(process: number, alternative: number): void {
    const { layout, next } = this
    const { handlers, locals, trees, cycles } = this.automata
    const index = handlers.first[process]! + alternative
    const raw = this.act(trees.enter[index]!, this.buffer[process]!)
    if (!cycles.needProviso) this.noteDelivery(process, index)
    const local =
      this.violation === undefined ? locals.push(this.local[process]!, handlers.root(index, raw)) : HALT
    layout.put(next, this.localField + process, local)
  }

  /** Tells the judge of cycles what a delivery has done, and whether its source is still ready. */
  private noteDelivery(process: number, index: number): void {
    const { layout, current, next, decisions } = this
    const { cycles, trees } = this.automata
    cycles.noteCounters(index, layout, current, next)
    if (cycles.isStillReady(index)) return
    const outcome = decisions.find(trees.ready[index]!, layout, next, this.buffer[process]!)
    if (outcome !== UNKNOWN && cycles.knows(index, outcome)) return
    const { violation } = this
    const value =
      outcome === UNKNOWN
        ? this.run(trees.ready[index]!, next, this.buffer[process]!)
        : decisions.values[outcome]!
    if (outcome !== UNKNOWN) this.outcome = outcome
    this.violation = violation
    cycles.noteReadiness(index, value === 1, this.outcome, this.dependences())
  }

  /** What the answer asked for last depends on: reads, as `cell * 4 + kind`. */
  dependences(): readonly number[] {
    const { decisions, outcome, memory } = this
    return outcome === UNKNOWN
      ? memory.reads.filter((read) => (read & 3) !== PEEK)
      : decisions.dependencesOf(outcome)
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
