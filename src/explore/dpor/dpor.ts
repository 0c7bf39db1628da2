/** The second engine's front door: Optimal-DPOR. `docs/engines.md` says what it covers, and what its counts mean. */
import type { Program } from '../../core/program.ts'
import { Automata } from '../automata.ts'
import { Clock } from '../clock.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from '../limits.ts'
import { violationName } from '../search-options.ts'
import type { Action, CheckOptions } from '../verdict.ts'
import { Unsupported } from './cuts.ts'
import { Search, type TraceCounts } from './search.ts'

/** What is told of each execution that has been explored to its end. */
export interface Ending {
  /** A schedule of the trace. */
  readonly actions: readonly Action[]
  /** The state that it ends in: the cells, and what has become of the processes. */
  readonly terminal: string
}

export interface DporOptions extends CheckOptions {
  /** Go on after violations: every trace is counted. Otherwise the first violation ends the search. */
  readonly goOn?: boolean
  /** Called at the end of every execution. */
  readonly onEnd?: (ending: Ending) => void
}

export interface DporResult {
  readonly traces: Readonly<TraceCounts>
  /** Why the search is not complete; undefined when it is. */
  readonly reason: string | undefined
  /** The schedule that violates a property, when the search ended there. */
  readonly violating: readonly Action[] | undefined
  /** Names of all violations that were met. */
  readonly violations: ReadonlySet<string>
  readonly milliseconds: number
  /** What was recorded of the program. */
  readonly automata: Automata
}

/** Why the second engine cannot explore a program, if it cannot. */
export function notSupported(program: Program): string | undefined {
  for (const { name, sources } of program.processes) {
    const [source] = sources
    if (source !== undefined)
      return `not supported by the dpor engine: ${name} can be interrupted by "${source.name}"`
  }
  return undefined
}

/**
 * Explores one execution of every Mazurkiewicz trace of a program.
 *
 * @throws GuestProgramError when the program itself is at fault
 */
export function dpor(program: Program, options: DporOptions = {}): DporResult {
  const clock = new Clock(options)
  clock.phase = 'search'
  clock.unit = 'event'
  const automata = new Automata(program, {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: options.without ?? new Set(),
  })
  const violations = new Set<string>()
  let violating: readonly Action[] | undefined
  const maxEvents = options.maxStates ?? Number.POSITIVE_INFINITY
  const { onEnd, goOn = false } = options
  const search: Search = new Search(automata, {
    maxEvents,
    poll: ({ events }, depth) =>
      events > maxEvents ? `more than ${maxEvents} events` : clock.poll(events, depth, 0),
    onViolation: (violation, process) => {
      violations.add(violationName(process === undefined ? '' : program.processes[process]!.name, violation))
      if (!goOn) violating = search.actions()
      return !goOn
    },
    ...(onEnd && {
      onEnd: () => onEnd({ actions: search.actions(), terminal: search.execution.describe() }),
    }),
  })
  const reason = notSupported(program) ?? run(search)
  if (reason === undefined) automata.recorder.audit()
  return {
    traces: search.counts,
    reason: violating === undefined ? reason : undefined,
    violating,
    violations,
    milliseconds: Math.round(clock.milliseconds),
    automata,
  }
}

function run(search: Search): string | undefined {
  try {
    return search.run()
  } catch (error) {
    if (error instanceof Unsupported) return `not supported by the dpor engine: ${error.message}`
    throw error
  }
}
