/**
 * The judge of traces: every (program order, reads-from, coherence) graph of a small program, found by running it in every
 * order. Shares no code with `src/explore`: schedules are run from their start on live generators for every question.
 */
import type { Cell } from '../../../src/core/cells.ts'
import { type Commit, type Memory, Operation, type Task } from '../../../src/core/operation.ts'
import type { Program } from '../../../src/core/program.ts'

/** `drain`: the oldest store of the process takes effect. */
interface Move {
  readonly process: number
  readonly drain: boolean
  readonly choice: number
}

export interface NaiveTraces {
  /** Graphs of executions that have come to their end, with the states they end in. */
  readonly traces: Map<string, string>
  /** Graphs of unfinished executions too. */
  readonly graphs: number
  readonly gaveUp: boolean
}

/** All traces, unless there are too many graphs. */
export function allTraces(program: Program, maxGraphs: number): NaiveTraces {
  const traces = new Map<string, string>()
  const first = run(program, [])
  const seen = new Set([first.graph()])
  const work: Run[] = [first]
  for (let at = work.pop(); at !== undefined && seen.size <= maxGraphs; at = work.pop()) {
    const moves = at.moves()
    if (moves.length === 0) traces.set(at.graph(), at.terminal())
    for (const move of moves) {
      const next = run(program, [...at.schedule, move])
      const graph = next.graph()
      if (seen.has(graph)) continue
      seen.add(graph)
      work.push(next)
    }
  }
  return { traces, graphs: seen.size, gaveUp: seen.size > maxGraphs }
}

/** The graph of a schedule as an engine gives it: alternative -1 is an operation, -2 a drain. */
export function graphOf(
  program: Program,
  actions: readonly { readonly process: number; readonly alternative: number; readonly choice: number }[],
): string {
  return run(
    program,
    actions.map(({ process, alternative, choice }) => ({ process, drain: alternative === -2, choice })),
  ).graph()
}

function run(program: Program, schedule: readonly Move[]): Run {
  const result = new Run(program, schedule)
  for (const move of schedule) result.make(move)
  return result
}

interface Pending {
  readonly commit: Commit
  readonly id: string
}

class Run implements Memory {
  readonly schedule: readonly Move[]
  private readonly program: Program
  private readonly values: number[]
  /** Who wrote what each cell holds, first writer first. */
  private readonly coherence: string[][]
  private readonly stacks: Task<unknown>[][] = []
  private readonly next: (Operation<unknown> | undefined)[] = []
  private readonly halted: boolean[] = []
  private readonly buffers: Pending[][] = []
  /** What each process has done, and what its drains have. */
  private readonly done: string[][] = []
  private readonly drains: string[][] = []
  private acting = 0
  private forwarding = false
  private id = ''
  private noting = false
  private touched = new Set<string>()
  private violated = false

  constructor(program: Program, schedule: readonly Move[]) {
    this.program = program
    this.schedule = schedule
    this.values = program.cells.cells.map(({ initial }) => initial)
    this.coherence = this.values.map(() => [])
    for (const [p, { main }] of program.processes.entries()) {
      this.stacks.push(main === undefined ? [] : [main.fn(...main.args)])
      this.next.push(undefined)
      this.halted.push(false)
      this.buffers.push([])
      this.done.push([])
      this.drains.push([])
      this.advance(p, undefined)
    }
  }

  moves(): Move[] {
    return this.program.processes.flatMap((_, process) => {
      const drain = this.buffers[process]!.length > 0 ? [{ process, drain: true, choice: 0 }] : []
      const operation = this.next[process]
      if (operation === undefined || !this.enabled(process, operation)) return drain
      const choices = Array.from({ length: operation.choices }, (_, choice) => ({
        process,
        drain: false,
        choice,
      }))
      return [...drain, ...choices]
    })
  }

  make({ process, drain, choice }: Move): void {
    if (drain) this.drain(process)
    else this.operate(process, choice)
  }

  graph(): string {
    return JSON.stringify([this.done, this.drains, this.coherence])
  }

  terminal(): string {
    const fates = this.program.processes.map((_, p) =>
      this.halted[p] ? 'halted' : this.next[p] === undefined ? 'done' : 'blocked',
    )
    return `${this.values.join(' ')} | ${fates.join(' ')}`
  }

  private enabled(process: number, operation: Operation<unknown>): boolean {
    this.acting = process
    this.forwarding = true
    this.noting = false
    if (operation.drains && this.buffers[process]!.length > 0) return false
    return operation.guard?.(this) ?? true
  }

  private begin(process: number, id: string, forwarding: boolean): void {
    this.acting = process
    this.id = id
    this.forwarding = forwarding
    this.noting = true
    this.touched = new Set()
    this.violated = false
  }

  private operate(process: number, choice: number): void {
    const operation = this.next[process]!
    const id = `${process}.${this.done[process]!.length}`
    this.begin(process, id, true)
    const { guard, commit } = operation
    if (guard !== undefined) {
      const { loads = [], reads = [] } = operation.footprint()
      for (const cell of loads) this.load(cell)
      for (const cell of reads) this.get(cell)
      if (!guard(this)) throw new Error(`${operation.label} does not wait`)
    }
    const raw = operation.apply(this, choice)
    if (commit !== undefined && this.program.processes[process]!.buffered) {
      this.buffers[process]!.push({ commit, id })
    } else if (commit !== undefined) {
      this.forwarding = false
      commit.apply(this)
    }
    this.done[process]!.push(`${operation.label}#${choice} ${[...this.touched].sort().join(' ')}`)
    if (this.violated) {
      this.halted[process] = true
      this.next[process] = undefined
    } else this.advance(process, operation.decode(raw))
  }

  private drain(process: number): void {
    const { commit, id } = this.buffers[process]!.shift()!
    this.begin(process, id, false)
    commit.apply(this)
    this.drains[process]!.push([...this.touched].sort().join(' '))
  }

  private advance(process: number, fed: unknown): void {
    const stack = this.stacks[process]!
    this.next[process] = undefined
    let value = fed
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const result = top.next(value)
      if (result.done) {
        stack.pop()
        value = result.value
      } else if (result.value instanceof Operation) {
        this.next[process] = result.value
        return
      } else {
        stack.push(result.value.fn(...result.value.args))
        value = undefined
      }
    }
  }

  // Memory -----------------------------------------------------------------------------------------------------------

  get(cell: Cell): number {
    this.noteRead(cell, this.coherence[cell]!.at(-1) ?? 'initial')
    return this.values[cell]!
  }

  peek(cell: Cell): number {
    return this.values[cell]!
  }

  load(cell: Cell): number {
    const own = this.forwarding
      ? this.buffers[this.acting]!.findLast(({ commit }) => commit.cell === cell)
      : undefined
    if (own === undefined) return this.get(cell)
    this.noteRead(cell, own.id)
    return own.commit.value
  }

  set(cell: Cell, value: number): void {
    if (this.coherence[cell]!.at(-1) !== this.id) this.coherence[cell]!.push(this.id)
    this.values[cell] = value
  }

  violate(): void {
    this.violated = true
  }

  private noteRead(cell: number, from: string): void {
    if (this.noting && from !== this.id) this.touched.add(`${cell}<${from}`)
  }
}
