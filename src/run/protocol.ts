/**
 * What the main thread and its workers say to each other. Programs cannot be cloned, so a worker is told which scenario to
 * build with which options, and answers with plain data.
 */
import type { Progress } from '../explore/verdict.ts'
import type { FoundSites } from '../report/needs-report.ts'
import type { CheckResult } from '../report/result.ts'
import type { TraceResult } from '../report/traces.ts'
import type { Scenario, ScenarioOptions } from '../scenarios/scenario.ts'

/** Where a scenario is found. */
export interface ScenarioRef {
  readonly name: string
  /** A user's file; without it the scenario is one of ours. */
  readonly file?: string
}

/** What the main thread needs to know of a scenario. */
export interface ScenarioInfo extends ScenarioRef, Pick<Scenario, 'title' | 'uses' | 'defaults'> {
  /** Of a user's file: what stands for this scenario alone on the command line, `my.ts` or `my.ts#name`. */
  readonly target?: string
}

/** Which values each option may have. */
export type OptionValues = Readonly<Record<'flush' | 'free' | 'walker' | 'profile', readonly string[]>>

/** Limits of one check, as far as the worker itself watches them; time is the main thread's affair. */
export interface JobLimits {
  readonly maxStates?: number
  readonly maxOperationsPerCall?: number
  readonly shortest?: boolean
  /** False: keep all states that differ only in which interchangeable CPU is where. */
  readonly symmetry?: boolean
  readonly engine?: 'states' | 'dpor' | 'random' | 'pct'
  readonly preemptions?: number
  readonly seed?: number
  readonly executions?: number
  readonly depth?: number
  /** With a safe verdict, look for livelocks. */
  readonly liveness?: boolean
  /** With a safe verdict, look which goals of the program can be reached. */
  readonly why?: boolean
  /** Sites that are left out: a mutant. */
  readonly without?: readonly string[]
  /** Where the certificate of a `safe` verdict goes. */
  readonly certificate?: string
}

export interface CheckJob {
  readonly scenario: ScenarioRef
  readonly options: ScenarioOptions
  readonly limits: JobLimits
}

/** `describe`: what a name or a file on the command line stands for. */
export type Request =
  | {
      readonly type: 'describe'
      readonly targets: readonly string[]
      /** What else could have been meant by a wrong name: commands. */
      readonly otherNames: readonly string[]
    }
  | { readonly type: 'check'; readonly job: CheckJob }
  /** `sites`: what can be left out of a scenario. */
  | { readonly type: 'sites'; readonly job: CheckJob }
  /** `traces`: how many a program has. */
  | { readonly type: 'traces'; readonly job: CheckJob }

export type Phase = 'load' | 'build' | 'search'

/** An error on its way between threads. */
export interface ErrorData {
  readonly code: string
  readonly message: string
}

export interface Description {
  /** For each target the scenarios that it stands for. */
  readonly targets: readonly (readonly ScenarioInfo[])[]
  readonly values: OptionValues
}

export type Reply =
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'described'; readonly description: Description }
  | { readonly type: 'checked'; readonly result: CheckResult }
  | { readonly type: 'sites'; readonly found: FoundSites }
  | { readonly type: 'traces'; readonly result: TraceResult }
  | { readonly type: 'failed'; readonly error: ErrorData }

/** What a worker thread starts with. */
export interface WorkerData {
  /** {@link SHARED}. */
  readonly shared: SharedArrayBuffer
  /** One word, of all workers: how many cores are idle, for threads that help with a large search. */
  readonly idle: Int32Array
}

/** Shared words between the main thread and one worker. */
export const SHARED = {
  /** Not 0: stop and say what is known. */
  stop: 0,
  /** Counts up while the worker is not inside guest code. */
  beat: 1,
  words: 2,
} as const
