/** All executions of a test, by the state-space engine. */
import { InternalError, UsageError } from '../core/errors.ts'
import { frame, type Process, type Program } from '../core/program.ts'
import { Automata } from '../explore/automata.ts'
import { Clock } from '../explore/clock.ts'
import { firstWidths } from '../explore/engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from '../explore/limits.ts'
import { search } from '../explore/search.ts'
import type { Collection } from '../explore/search-options.ts'
import { widening } from '../explore/stable.ts'
import type { LitmusTest, MemoryModel } from './ast.ts'
import { type Final, LitmusMachine } from './machine.ts'
import { runThread } from './thread.ts'

export interface LitmusLimits {
  /** How often each backward jump is followed (herd's `-unroll`). */
  readonly unroll?: number
  readonly maxStates?: number
  readonly timeoutMs?: number
}

/** The user's limit, or ours, was hit before the search was complete: nothing is known. */
export class LimitError extends UsageError {}

export const DEFAULT_UNROLL = 2
export const DEFAULT_MAX_STATES = 2_000_000

/** One complete execution: a distinct (reads-from, coherence) over the same program order. */
export interface Execution {
  /** By thread. */
  readonly threads: readonly Final[]
  /** The last value of each place. */
  readonly memory: readonly bigint[]
}

export interface Executions {
  readonly machine: LitmusMachine
  readonly executions: readonly Execution[]
  /** Some execution went round a loop too often, and was left out. */
  readonly tooFar: boolean
  readonly states: number
}

/** The test as a program over core operations. */
export function litmusProgram(machine: LitmusMachine): Program {
  const processes = machine.test.threads.map(
    (_, thread): Process => ({
      name: `P${thread}`,
      main: frame(runThread, machine, thread),
      sources: [],
      buffered: machine.model === 'tso',
      daemon: false,
    }),
  )
  return { cells: machine.table, processes, bounds: [] }
}

/**
 * Finds every execution.
 *
 * @throws UsageError `file:line: ...` when the program does what is not modelled
 * @throws LimitError when a limit is hit
 */
export function explore(test: LitmusTest, model: MemoryModel, limits: LitmusLimits = {}): Executions {
  const machine = new LitmusMachine(test, model, limits.unroll ?? DEFAULT_UNROLL)
  const { terminals, states } = allTerminals(test, litmusProgram(machine), limits)
  const executions: Execution[] = []
  let tooFar = false
  for (const terminal of terminals) {
    const execution = executionOf(machine, terminal)
    if (execution.threads.some((thread) => thread.tooFar)) tooFar = true
    else executions.push(execution)
  }
  return { machine, executions, tooFar, states }
}

/**
 * As `searchUntilStable`, without its walks: litmus tests are so small that a first search thrown away costs less.
 */
function allTerminals(test: LitmusTest, program: Program, limits: LitmusLimits) {
  const automata = new Automata(program, {
    operationsPerCall: DEFAULT_OPERATIONS_PER_CALL,
    without: new Set(),
  })
  const widths = firstWidths(program)
  const clock = new Clock(limits.timeoutMs === undefined ? {} : { timeoutMs: limits.timeoutMs })
  const { futures } = automata.recorder
  for (;;) {
    const growth = futures.growth
    const found: Collection = { terminals: new Set(), violations: new Set() }
    const { value: result } = widening(automata, widths, (engine) => {
      found.terminals.clear()
      return search(engine, {
        reduce: true,
        proviso: false,
        lateDelivery: false,
        maxStates: limits.maxStates ?? DEFAULT_MAX_STATES,
        clock,
        collect: found,
      })
    })
    if (result.outcome !== 'complete') {
      throw new LimitError(`${test.file}: test ${test.name} is inconclusive: ${result.reason}`)
    }
    if (found.violations.size > 0) throw new InternalError(`${test.file}: ${[...found.violations][0]}`)
    if (futures.growth === growth) return { terminals: found.terminals, states: result.states }
  }
}

/** A terminal state is its cells, as text, and the fates of the processes. */
function executionOf(machine: LitmusMachine, terminal: string): Execution {
  const cells = terminal.slice(0, terminal.indexOf(' |')).split(' ').map(Number)
  return {
    threads: machine.ends.map((cell) => machine.finalOf(cells[cell] as number)),
    memory: machine.cells.map(({ last }, place) => machine.valueOf(place, cells[last] as number)),
  }
}
