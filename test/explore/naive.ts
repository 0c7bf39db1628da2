/**
 * The explorer's judge: every interleaving of a small program, as plainly as can be. It shares no code with `src/explore`:
 * cells are an array, threads are generators that are run again from their start for every single question, and states are
 * remembered as strings.
 */
import type { Cell } from '../../src/core/cells.ts'
import {
  type Commit,
  type Memory,
  Operation,
  type Step,
  type TaskFunction,
} from '../../src/core/operation.ts'
import { canonicalKey, functionId } from '../../src/core/plain.ts'
import type { Program } from '../../src/core/program.ts'
import type { Violation } from '../../src/core/violation.ts'

interface NaiveFrame {
  readonly fn: TaskFunction
  readonly args: readonly unknown[]
  /** What the code was given so far: raw values of operations, results of calls. */
  readonly history: readonly ({ readonly raw: number } | { readonly result: unknown })[]
  readonly called: boolean
}

interface NaiveProcess {
  readonly frames: readonly NaiveFrame[]
  readonly buffer: readonly Commit[]
  readonly halted: boolean
}

interface NaiveStep {
  readonly process: number
  /** `P0 level 1`, `P0 drain`, `P0 source 0`. */
  readonly mover: string
  readonly violated: boolean
  readonly state: NaiveState
}

interface NaiveEffect {
  readonly cells: readonly number[]
  readonly violated: boolean
}

interface NaiveState {
  readonly cells: readonly number[]
  readonly processes: readonly NaiveProcess[]
}

export interface NaiveResult {
  readonly terminals: Set<string>
  readonly violations: Set<string>
  readonly states: number
  /** There were more states than allowed: the sets are not complete. */
  readonly gaveUp: boolean
}

export interface NaiveOptions {
  readonly maxStates: number
  /** Told of every state. */
  readonly onState?: (state: NaiveState) => void
}

/** Explores a program that ends after few steps, or comes back to few states. */
export function enumerate(program: Program, { maxStates, onState }: NaiveOptions): NaiveResult {
  return new Naive(program).run(maxStates, onState)
}

/** Length and switches of a shortest violating interleaving with the fewest switches; undefined when there is none. */
export function shortestViolation(program: Program) {
  return new Naive(program).shortest()
}

/** A state of the whole graph. */
export interface GraphState {
  readonly edges: { readonly mover: string; readonly to: number }[]
  /** Processes that are not done and have to be. */
  readonly undone: readonly number[]
  /** Code that stands at an operation. */
  readonly onTop: readonly { readonly mover: string; readonly enabled: boolean; readonly lock: boolean }[]
  /** Drains, and sources that have been asked for, that can move. */
  readonly owed: readonly string[]
}

/** The whole graph of states; undefined when it is larger than that. */
export function graphOf(program: Program, maxStates: number): readonly GraphState[] | undefined {
  return new Naive(program).graph(maxStates)
}

function levelOf(frames: readonly NaiveFrame[]): number {
  return frames.filter(({ called }) => !called).length
}

class Naive {
  private readonly program: Program
  private readonly steps = new Map<string, Step | { readonly returned: unknown }>()
  private readonly terminals = new Set<string>()
  private readonly violations = new Set<string>()

  constructor(program: Program) {
    this.program = program
  }

  private initial(): NaiveState {
    return {
      cells: this.program.cells.cells.map(({ initial }) => initial),
      processes: this.program.processes.map(({ main }) => ({
        frames:
          main === undefined
            ? []
            : this.settle([{ fn: main.fn, args: main.args, history: [], called: false }]),
        buffer: [],
        halted: false,
      })),
    }
  }

  run(maxStates: number, onState?: NaiveOptions['onState']): NaiveResult {
    const initial = this.initial()
    const seen = new Set([keyOf(initial)])
    const work = [initial]
    for (let state = work.pop(); state !== undefined && seen.size <= maxStates; state = work.pop()) {
      onState?.(state)
      const successors = this.successors(state)
      if (successors.length === 0) this.atEnd(state)
      for (const successor of successors) {
        const key = keyOf(successor.state)
        if (seen.has(key)) continue
        seen.add(key)
        work.push(successor.state)
      }
    }
    const { terminals, violations } = this
    return { terminals, violations, states: seen.size, gaveUp: seen.size > maxStates }
  }

  /** Level by level; with each state the fewest switches by the process that moved last. */
  shortest(): { readonly length: number; readonly switches: number } | undefined {
    const initial = this.initial()
    const seen = new Set([keyOf(initial)])
    let level = new Map([[keyOf(initial), { state: initial, switches: new Map<number, number>() }]])
    for (let length = 0; level.size > 0; length++) {
      const next: typeof level = new Map()
      const stuck: number[] = []
      const events: number[] = []
      for (const { state, switches } of level.values()) {
        const successors = this.successors(state)
        const before = this.violations.size
        if (successors.length === 0) this.atEnd(state)
        if (this.violations.size > before)
          stuck.push(Math.min(...switches.values(), length === 0 ? 0 : Infinity))
        this.violations.clear()
        for (const { process, violated, state: reached } of successors) {
          const costs = [...switches].map(([last, cost]) => cost + (last === process ? 0 : 1))
          const cost = length === 0 ? 0 : Math.min(...costs)
          if (violated) events.push(cost)
          const key = keyOf(reached)
          if (violated || (seen.has(key) && !next.has(key))) continue
          seen.add(key)
          const entry = next.get(key) ?? { state: reached, switches: new Map<number, number>() }
          entry.switches.set(process, Math.min(cost, entry.switches.get(process) ?? cost))
          next.set(key, entry)
        }
      }
      if (stuck.length > 0) return { length, switches: Math.min(...stuck) }
      if (events.length > 0) return { length: length + 1, switches: Math.min(...events) }
      level = next
    }
    return undefined
  }

  graph(maxStates: number): readonly GraphState[] | undefined {
    const states = [this.initial()]
    const numbers = new Map([[keyOf(states[0]!), 0]])
    const graph: GraphState[] = []
    for (let at = 0; at < states.length; at++) {
      if (states.length > maxStates) return undefined
      const steps = this.successors(states[at]!)
      const edges = steps.map(({ mover, state }) => {
        const key = keyOf(state)
        if (!numbers.has(key)) numbers.set(key, states.push(state) - 1)
        return { mover, to: numbers.get(key)! }
      })
      graph.push({ edges, ...this.standing(states[at]!, new Set(edges.map(({ mover }) => mover))) })
    }
    return graph
  }

  private standing({ processes }: NaiveState, able: ReadonlySet<string>): Omit<GraphState, 'edges'> {
    const undone: number[] = []
    const onTop: { mover: string; enabled: boolean; lock: boolean }[] = []
    const owed: string[] = []
    for (const [p, { name, daemon, sources }] of this.program.processes.entries()) {
      const { frames, halted } = processes[p]!
      if (able.has(`${name} drain`)) owed.push(`${name} drain`)
      for (const [s, { optional }] of sources.entries()) {
        if (optional !== true && able.has(`${name} source ${s}`)) owed.push(`${name} source ${s}`)
      }
      if (halted || frames.length === 0) continue
      if (!daemon) undone.push(p)
      const mover = `${name} level ${levelOf(frames)}`
      onTop.push({ mover, enabled: able.has(mover), lock: this.operation(frames).kind === 'lock' })
    }
    return { undone, onTop, owed }
  }

  private atEnd({ cells, processes }: NaiveState): void {
    const fates = processes.map(({ frames, halted }) =>
      halted ? 'halted' : frames.length === 0 ? 'done' : 'blocked',
    )
    this.terminals.add(`${cells.join(' ')} | ${fates.join(' ')}`)
    if (fates.includes('halted')) return
    const waiting = processes.flatMap(({ frames }, p) => {
      const { name, daemon } = this.program.processes[p]!
      return frames.length === 0 || daemon ? [] : [`${name} waits at "${this.operation(frames).label}"`]
    })
    if (waiting.length > 0) this.violations.add(`: progress: nobody can move: ${waiting.join(', ')}`)
  }

  private successors(state: NaiveState): NaiveStep[] {
    const found: NaiveStep[] = []
    for (const [p, { sources, buffered, name }] of this.program.processes.entries()) {
      const { frames, buffer, halted } = state.processes[p]!
      const next = (who: string, { cells, violated }: NaiveEffect, change: Partial<NaiveProcess>) => {
        const processes = state.processes.with(p, { ...state.processes[p]!, ...change })
        found.push({ process: p, mover: `${name} ${who}`, violated, state: { cells, processes } })
      }
      const [oldest, ...rest] = buffer
      if (oldest !== undefined) {
        const run = this.perform(state, [], name, (memory) => oldest.apply(memory))
        next('drain', run, { buffer: rest })
      }
      if (halted) continue
      const now = new NaiveMemory(state.cells, buffer)
      if (frames.length > 0) {
        const operation = this.operation(frames)
        const may = (!operation.drains || buffer.length === 0) && (operation.guard?.(now) ?? true)
        for (let choice = 0; may && choice < operation.choices; choice++) {
          let raw = 0
          const { commit } = operation
          const run = this.perform(state, buffer, name, (memory) => {
            raw = operation.apply(memory, choice)
            if (commit !== undefined && !buffered) commit.apply(memory)
          })
          const longer = commit !== undefined && buffered ? [...buffer, commit] : buffer
          const who = `level ${levelOf(frames)}`
          if (run.violated) next(who, run, { frames: [], buffer: longer, halted: true })
          else next(who, run, { frames: this.settle(this.observe(frames, raw)), buffer: longer })
        }
      }
      for (const [s, source] of sources.entries()) {
        if ((source.drains && buffer.length > 0) || source.masked(now) || !source.ready(now)) continue
        let raw = 0
        const run = this.perform(state, buffer, name, (memory) => {
          raw = source.enter(memory)
        })
        const { fn, args } = source.frame(raw)
        if (run.violated) next(`source ${s}`, run, { frames: [], halted: true })
        else
          next(`source ${s}`, run, {
            frames: this.settle([...frames, { fn, args, history: [], called: false }]),
          })
      }
    }
    return found
  }

  private perform(
    state: NaiveState,
    buffer: readonly Commit[],
    name: string,
    effect: (memory: Memory) => void,
  ) {
    const memory = new NaiveMemory([...state.cells], buffer)
    effect(memory)
    for (const { property, message } of memory.violations.slice(0, 1)) {
      this.violations.add(`${name}: ${property}: ${message}`)
    }
    return { cells: memory.cells, violated: memory.violations.length > 0 }
  }

  private observe(frames: readonly NaiveFrame[], raw: number): NaiveFrame[] {
    const top = frames.at(-1)!
    return [...frames.slice(0, -1), { ...top, history: [...top.history, { raw }] }]
  }

  /** Carries out calls and returns. */
  private settle(frames: readonly NaiveFrame[]): NaiveFrame[] {
    const stack = [...frames]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const step = this.step(top)
      if (step instanceof Operation) break
      if ('returned' in step) {
        stack.pop()
        const below = stack.pop()
        if (below === undefined) break
        const call = this.step(below)
        if (top.called && 'repeats' in call && call.repeats && step.returned === undefined) {
          stack.push(below, { fn: call.fn, args: call.args, history: [], called: true })
          continue
        }
        stack.push(top.called ? { ...below, history: [...below.history, { result: step.returned }] } : below)
        if (!top.called) break
      } else stack.push({ fn: step.fn, args: step.args, history: [], called: true })
    }
    return stack
  }

  private operation(frames: readonly NaiveFrame[]): Operation<unknown> {
    return this.step(frames.at(-1)!) as Operation<unknown>
  }

  /** What a frame does next, by running it from its start. */
  private step({ fn, args, history }: NaiveFrame): Step | { readonly returned: unknown } {
    const key = `${functionId(fn)} ${canonicalKey(args)} ${JSON.stringify(history)}`
    let known = this.steps.get(key)
    if (known === undefined) {
      const task = fn(...args)
      let result = task.next()
      for (const given of history) {
        const at = result.value
        const value = 'raw' in given ? (at as Operation<unknown>).decode(given.raw) : given.result
        result = task.next(value)
      }
      known = result.done ? { returned: result.value } : result.value
      this.steps.set(key, known)
    }
    return known
  }
}

class NaiveMemory implements Memory {
  readonly cells: number[]
  readonly violations: Violation[] = []
  private readonly buffer: readonly Commit[]

  constructor(cells: readonly number[], buffer: readonly Commit[]) {
    this.cells = cells as number[]
    this.buffer = buffer
  }

  get(cell: Cell): number {
    return this.cells[cell]!
  }

  peek(cell: Cell): number {
    return this.cells[cell]!
  }

  load(cell: Cell): number {
    return this.buffer.findLast((commit) => commit.cell === cell)?.value ?? this.cells[cell]!
  }

  set(cell: Cell, value: number): void {
    this.cells[cell] = value
  }

  violate(violation: Violation): void {
    this.violations.push(violation)
  }
}

function keyOf({ cells, processes }: NaiveState): string {
  const parts = processes.map(({ frames, buffer, halted }) => [
    frames.map(({ fn, args, history, called }) => [functionId(fn), canonicalKey(args), history, called]),
    buffer.map(({ key }) => key),
    halted,
  ])
  return JSON.stringify([cells, parts])
}
