/** What a search says, as plain data. */
import type { OperationKind } from '../core/operation.ts'

import type { Property, Violation } from '../core/violation.ts'
import type { Crew } from './parallel/crew.ts'

/** Limits of a search. A limit that is hit makes the verdict `inconclusive`. */
export interface SearchLimits {
  /** Distinct states. */
  readonly maxStates?: number
  /** Wall time of the whole check, in milliseconds. */
  readonly timeoutMs?: number
  /** Operations in one call frame, after which straight-line code "does not end". */
  readonly maxOperationsPerCall?: number
}

/** What a running search tells. */
export interface Progress {
  readonly phase: 'warm-up' | 'search' | 'shortest' | 'livelock'
  readonly states: number
  readonly statesPerSecond: number
  /** States found and not yet expanded. */
  readonly frontier: number
  readonly bytes: number
  /** `states` are these (traces, drawn executions); nothing is left to expand then. */
  readonly unit?: 'event' | 'step'
  /** Of the search: the how manieth; it starts again when a mask has grown (`counts.rounds`). */
  readonly round?: number
  /** Another round follows this one. */
  readonly repeats?: boolean
  /** States of the round before, where that went to its end: this one has about as many. */
  readonly expected?: number
}

export interface CheckOptions extends SearchLimits {
  /**
   * `states` (default): stateful search with persistent sets. `dpor`: one execution of every Mazurkiewicz trace, without
   * interrupts; `maxStates` then limits events. `random`, `pct`: seeded executions, never `safe`. `docs/engines.md` says when to
   * use which.
   */
  readonly engine?: 'states' | 'dpor' | 'random' | 'pct'
  /** All schedules with at most so many preemptions, and no others: never `safe`. */
  readonly preemptions?: number
  /** Of `random` and `pct`. */
  readonly seed?: number
  /** Executions of `random` and `pct`. */
  readonly executions?: number
  /** Depth of the bugs that `pct` looks for: ordering constraints that are enough to meet one. */
  readonly depth?: number
  /** Which reductions to use; all by default. Tests turn them off. */
  readonly persistentSets?: boolean
  /** Deliver interrupts late where nobody can tell; by default where persistent sets are used. */
  readonly lateDelivery?: boolean
  /** If it is safe: look for fair executions that never end, too. By default where the program asks for it. */
  readonly liveness?: boolean
  /** Keep one of the states that differ only in which of several interchangeable CPUs is where (default true). */
  readonly symmetry?: boolean
  /** Search for a shortest counterexample with the fewest switches (default true). */
  readonly shortest?: boolean
  readonly onProgress?: (progress: Progress) => void
  /** Called when the stateful search has ended with `safe`: the record of the search is made when it is asked for. */
  readonly onSafe?: (record: () => SearchRecord) => void
  /** Other threads that take part when the search is large enough to be worth it. */
  readonly crew?: Crew | undefined
  /** Polled between states: true stops the search with `inconclusive`. */
  readonly interrupted?: () => boolean
  /** Sites (see `Removable`) to leave out: mutants. */
  readonly without?: ReadonlySet<string>
}

/** A complete search as data, for certificates: states in the order of expansion, state 0 the initial one. */
export interface SearchRecord {
  /** The state from which each was first reached. */
  readonly parents: readonly number[]
  /** Process, alternative and choice that led there: three numbers a state. */
  readonly actions: readonly number[]
  /** The persistent set explored in each state: bit p is process p, bit `processes + p` its drain. */
  readonly movers: readonly number[]
  /** The process whose next operation was explored without its deliveries; -1 for none. */
  readonly alone: readonly number[]
}

/** Which alternative of which process: enough to run a schedule again. */
export interface Action {
  /** Index in `program.processes`. */
  readonly process: number
  /** `-2`: the oldest buffered store drains. `-1`: the process's next operation. `0..`: this source is delivered. */
  readonly alternative: number
  /** Outcome of an environment choice; 0 otherwise. */
  readonly choice: number
}

/** One step of a counterexample, as the plain interpreter saw it. */
export interface TrailStep extends Action {
  readonly processName: string
  readonly kind: OperationKind | 'drain' | 'deliver'
  readonly label: string
  /** What the code observed, or undefined. */
  readonly observed: string | undefined
  /** Functions that the step happens in, outermost first, by their names in the code. */
  readonly stack: readonly string[]
  /** Cells that the step may read and write, by name. */
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Of a store that enters the store buffer: the cells that its drain will write, by name. */
  readonly buffered?: readonly string[]
  /** The step is the hypervisor's. */
  readonly host: boolean
  /** `program.describe` after this step. */
  readonly facts: readonly string[]
  /** The step's own cells that changed: name, before, after. */
  readonly changes: readonly { readonly cell: string; readonly before: number; readonly after: number }[]
}

/** Somebody who will never be done although the schedule is fair. */
export interface Starving {
  readonly process: string
  /** Its index in `program.processes`. */
  readonly index: number
  /**
   * `blocked`: what it waits for holds in no state of the cycle. `missed`: it holds now and then, and may never hold when the process
   * looks. `goes-round`: it moves, and comes back to where it was.
   */
  readonly how: 'blocked' | 'missed' | 'goes-round'
  /** The operation at which it stands when the cycle begins. */
  readonly at: string
  /** The function that it stands in. */
  readonly fn: string
  /** Cells that the operation looks at, by name. */
  readonly cells: readonly string[]
  /** Processes that write one of them in the cycle. */
  readonly writers: readonly string[]
}

export interface Lasso {
  /** Steps before the cycle. */
  readonly stem: number
  readonly starving: readonly Starving[]
}

export interface Trail {
  readonly steps: readonly TrailStep[]
  readonly violation: Violation
  /** `proved-shortest`: no shorter interleaving violates anything; `minimal`: no single step can be dropped; see {@link lasso}. */
  readonly length: 'proved-shortest' | 'minimal' | 'lasso'
  /** Of an execution that never ends: the steps from `stem` on are repeated for ever. */
  readonly lasso?: Lasso
  readonly switches: number
}

export interface SearchCounts {
  readonly states: number
  readonly transitions: number
  /** Nodes of the recorded automata. */
  readonly nodes: number
  /** Searches until no future mask grew. */
  readonly rounds: number
  readonly milliseconds: number
  readonly bytesPerState: number
  /** Executions, where those are drawn (`random`, `pct`); `states` and `transitions` then count steps. */
  readonly executions?: number
  /** Executions, where those are what is searched: one of every trace. `states` and `transitions` then count events. */
  readonly traces?: {
    /** Everybody is done. */
    readonly complete: number
    /** Somebody waits for ever, or has halted at a violation. */
    readonly incomplete: number
  }
}

/** Why nobody goes round, or waits, for ever. */
export interface Liveness {
  /** `all-end`: no execution goes on for ever. `no-fair-cycle`: none that is fair does. */
  readonly because: 'all-end' | 'no-fair-cycle'
  /** States that were searched, without reduction; none where every execution ends. */
  readonly states: number
}

/** Which CPUs a search has taken for interchangeable. */
export interface SymmetryReport {
  /** Names of CPUs; empty when none are. */
  readonly classes: readonly (readonly string[])[]
  /** Steps that were compared with their counterparts on another CPU. */
  readonly checkedSteps?: number
  /** Why CPUs that run the same code are not interchangeable, or symmetry was not made use of. */
  readonly reason?: string
}

export type Verdict = { readonly symmetry?: SymmetryReport } & Answer

type Answer =
  | {
      readonly verdict: 'safe'
      readonly counts: SearchCounts
      readonly bounds: readonly string[]
      /** Where it was asked for: there is no livelock either. */
      readonly liveness?: Liveness
    }
  | {
      readonly verdict: 'unsafe'
      readonly property: Property
      readonly trail: Trail
      readonly counts: SearchCounts
      readonly bounds: readonly string[]
    }
  | {
      readonly verdict: 'inconclusive'
      /** Which limit was hit, and what is known. */
      readonly reason: string
      /** What has been searched all the same, where something can be said: `all schedules with at most 2 preemptions`. */
      readonly covered?: string
      readonly counts: SearchCounts
      readonly bounds: readonly string[]
    }
