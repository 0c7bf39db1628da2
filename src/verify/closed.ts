/**
 * Whether a chosen set of movers is closed under the dependence rule (docs/certificate.md): nothing that the others can ever do,
 * as long as these stand still, conflicts with what these can do now. How the set was found does not matter here.
 */
import type { Operation } from '../core/operation.ts'
import type { State, VerifiedMachine } from './machine.ts'
import { atOnce, NO_ROWS, type Rows, rowsOfFootprint, rowsOfOperation, union } from './rows.ts'
import { DONE } from './threads.ts'

/** What is explored of a state: whole processes and drains (bits), and one process by its next operation alone (or -1). */
export interface Chosen {
  readonly movers: number
  readonly alone: number
}

export class Closedness {
  private readonly machine: VerifiedMachine
  private readonly localFutures = new Map<number, Rows>()
  private readonly handlerRows: Rows[][]
  private readonly operations = new WeakMap<object, Rows>()
  private state: State = []
  /** Per process: which sources may still be delivered, and everything that it may still do. */
  private included: boolean[][] = []
  private future: Rows[] = []

  /** The automata have to be complete, and their masks closed. */
  constructor(machine: VerifiedMachine) {
    this.machine = machine
    this.handlerRows = machine.program.processes.map(({ sources }, p) =>
      sources.map((source, s) =>
        [...machine.handlers[p]![s]!]
          .map((root) => machine.threads.nodes[root]!.future)
          .reduce(union, rowsOfFootprint(source.footprint)),
      ),
    )
  }

  /** Undefined when the set is closed; otherwise what is missing. */
  defect(state: State, { movers, alone }: Chosen): string | undefined {
    this.state = state
    this.includeHandlers()
    const { processes, program } = this.machine
    for (let p = 0; p < processes; p++) {
      const { name } = program.processes[p]!
      if ((movers >>> p) & 1 && !this.processIsClosed(p, movers)) return `something conflicts with ${name}`
      if ((movers >>> (processes + p)) & 1 && !this.drainIsClosed(p, movers))
        return `something conflicts with the drain of ${name}`
    }
    if (alone < 0 || (movers >>> alone) & 1) return undefined
    return this.aloneIsClosed(alone, movers)
      ? undefined
      : `the next operation of ${program.processes[alone]!.name} may not go alone`
  }

  // What the processes may still do ------------------------------------------------------------------------------------

  private futureOf(p: number, local: number, included: readonly boolean[]): Rows {
    let rows = this.localFutures.get(local)
    if (rows === undefined) {
      rows = this.machine.threads.future(local)
      this.localFutures.set(local, rows)
    }
    for (const [s, is] of included.entries()) if (is) rows = union(rows, this.handlerRows[p]![s]!)
    return this.machine.program.processes[p]!.buffered ? rows : atOnce(rows)
  }

  /** A handler counts unless its source is not ready, and nobody can ever write what that depends on. */
  private includeHandlers(): void {
    const { machine, state } = this
    const { processes } = machine.program
    const waiting: { p: number; s: number; seen: Rows }[] = []
    this.included = processes.map(({ sources }, p) =>
      sources.map((source, s) => {
        const { value, seen } = machine.seenBy(() => machine.isReady(state, p, source))
        if (!value) waiting.push({ p, s, seen })
        return value
      }),
    )
    this.future = processes.map((_, p) => this.futureOf(p, machine.local(state, p), this.included[p]!))
    for (let changed = true; changed; ) {
      changed = false
      for (const { p, s, seen } of waiting) {
        if (this.included[p]![s] === true || !this.somebodyWrites(seen)) continue
        this.included[p]![s] = true
        this.future[p] = this.futureOf(p, machine.local(state, p), this.included[p]!)
        changed = true
      }
    }
  }

  private somebodyWrites({ all }: Rows): boolean {
    return this.future.some(
      ({ writes, laterWrites }, q) => ((writes | laterWrites | this.bufferOf(q).laterWrites) & all) !== 0n,
    )
  }

  private bufferOf(q: number): Rows {
    return this.machine.bufferRows[this.machine.buffer(this.state, q)]!
  }

  // Who has to be in ---------------------------------------------------------------------------------------------------

  /** Whoever may conflict with an access by process `p` is in the set. */
  private covers(p: number, access: Rows, movers: number): boolean {
    const { processes } = this.machine
    const has = (mover: number) => ((movers >>> mover) & 1) === 1
    const { all, writes, direct } = access
    for (let q = 0; q < processes; q++) {
      const stores = this.bufferOf(q)
      const drain = has(processes + q)
      if (q === p) {
        // Its own loads see the same before and after the drain.
        const clash = (stores.laterWrites & direct) | (stores.laterAll & writes) | (stores.laterSide & all)
        if (clash !== 0n && !drain) return false
        continue
      }
      const future = this.future[q]!
      if (((stores.laterWrites & all) | (stores.laterAll & writes)) !== 0n && !drain) return false
      if (has(q)) continue
      if (((future.writes & all) | (future.all & writes)) !== 0n) return false
      // Stores that are still to be made cannot drain while the process stands still, nor before what is in the buffer now.
      const later = ((future.laterWrites & all) | (future.laterAll & writes)) !== 0n
      if (later && !(drain && this.machine.buffer(this.state, q) !== 0)) return false
    }
    return true
  }

  private accessOf(p: number, operation: Operation<unknown>): Rows {
    let rows = this.operations.get(operation)
    if (rows === undefined) {
      rows = rowsOfOperation(operation)
      this.operations.set(operation, rows)
    }
    // A store that goes to the buffer touches nothing now.
    return this.machine.program.processes[p]!.buffered
      ? { ...rows, laterAll: 0n, laterWrites: 0n, laterSide: 0n }
      : atOnce(rows)
  }

  private processIsClosed(p: number, movers: number): boolean {
    const { machine, state } = this
    const { sources } = machine.program.processes[p]!
    const operation = machine.threads.operation(machine.local(state, p))
    const holds = machine.buffer(state, p) !== 0
    const hasDrain = ((movers >>> (machine.processes + p)) & 1) === 1
    if (operation !== undefined) {
      if (operation.drains && holds) {
        if (!hasDrain) return false
      } else if (machine.choices(state, p) > 0) {
        if (!this.covers(p, this.accessOf(p, operation), movers)) return false
      } else if (!this.staysBlocked(p, operation, movers)) return false
    }
    return sources.every((source, s) => {
      const status = machine.status(state, p, source)
      if (status === 'deliverable') return this.covers(p, rowsOfFootprint(source.footprint), movers)
      if (status === 'waits for buffer') return hasDrain
      if (!this.included[p]![s]) return true
      if (status === 'masked') {
        return this.covers(p, machine.seenBy(() => machine.isMasked(state, p, source)).seen, movers)
      }
      if (source.drains && holds) return hasDrain
      return this.covers(p, machine.seenBy(() => machine.isReady(state, p, source)).seen, movers)
    })
  }

  /** Some part of the guard is false, and everybody who could change that is in. */
  private staysBlocked(p: number, operation: Operation<unknown>, movers: number): boolean {
    const { machine, state } = this
    const parts = operation.conjuncts ?? [operation.guard!]
    return parts.some((part) => {
      const { value, seen } = machine.seenBy(() => machine.holds(state, p, operation, part))
      return !value && this.covers(p, seen, movers)
    })
  }

  private drainIsClosed(p: number, movers: number): boolean {
    const { machine, state } = this
    const buffer = machine.buffers[machine.buffer(state, p)]!
    if (buffer.length === 0) return true
    const { laterAll: all, laterWrites: writes, laterSide } = machine.commitRows[buffer[0]!]!
    if (!this.covers(p, { ...NO_ROWS, all, direct: all, writes }, movers | (1 << (machine.processes + p))))
      return false
    // Its own process is somebody else, whose loads are forwarded.
    const own = this.future[p]!
    const clash = (own.writes & all) | (own.direct & writes) | (own.all & laterSide)
    return clash === 0n || ((movers >>> p) & 1) === 1
  }

  /** Late delivery: the operation conflicts with no handler that may come before it. */
  private aloneIsClosed(p: number, movers: number): boolean {
    const { machine, state } = this
    const operation = machine.threads.operation(machine.local(state, p))
    if (operation === undefined || machine.choices(state, p) === 0) return false
    if (operation.commit !== undefined && machine.program.processes[p]!.buffered) return false
    const { all, writes } = this.accessOf(p, operation)
    const before = this.futureOf(p, DONE, this.beforeNext(p))
    const clash = ((before.writes | before.laterWrites) & all) | ((before.all | before.laterAll) & writes)
    return clash === 0n && this.covers(p, this.accessOf(p, operation), movers)
  }

  /** Sources that may be delivered before the next operation: not masked, or unmasked by handlers or the own drain. */
  private beforeNext(p: number): boolean[] {
    const { machine, state } = this
    const { sources } = machine.program.processes[p]!
    const included = this.included[p]!
    const masks = sources.map((source) => machine.seenBy(() => machine.isMasked(state, p, source)))
    const before = masks.map(({ value }, s) => included[s]! && !value)
    for (let changed = true; changed; ) {
      changed = false
      const { writes, laterWrites } = this.futureOf(p, DONE, before)
      const written = writes | laterWrites | this.bufferOf(p).laterWrites
      for (const [s, { seen }] of masks.entries()) {
        if (!included[s] || before[s] || (written & seen.all) === 0n) continue
        before[s] = true
        changed = true
      }
    }
    return before
  }
}
