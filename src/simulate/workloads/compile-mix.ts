/**
 * What compiling one source file does to address spaces: its processes, and for each of them the faults, the flushes with
 * their sizes, and the page tables that its end frees. Everything comes from the fitted recordings, but for what is marked.
 */
import { fittedWorkload } from './fitted.ts'
import type { JobParameters } from './parameters.ts'

/** Faults that one leaf table serves (assumption: address spaces of compilers are a quarter full). */
const FAULTS_PER_TABLE = 128
/** Tables above the leaves that a process has of its own: those of text and heap, of libraries and stack (assumption). */
const UPPER_TABLES = 4

/** Flush sizes in pages, -1 for everything, with how often each occurs. */
export interface Sizes {
  readonly pages: readonly number[]
  /** Running sums of the counts. */
  readonly upTo: readonly number[]
}

/** One process of a unit: it is forked, executes a program, faults its pages in, and ends. */
export interface CompileProcess {
  readonly name: string
  readonly faults: number
  readonly localFlushes: number
  readonly localPages: Sizes
  readonly remoteFlushes: number
  readonly remotePages: Sizes
  /** Page tables that its end frees. */
  readonly tables: number
}

/** A unit of work: what `make` starts for one source file. */
export interface CompileMix {
  readonly processes: readonly CompileProcess[]
  /** Of the whole unit. */
  readonly faults: number
  /** Times that it waits for a disk, a pipe or a child. */
  readonly waits: number
  /** Share of its CPU time that is the assembler's, which reads from a pipe while the compiler still runs. */
  readonly beside: number
}

const NAMES = ['gcc', 'cc1', 'as'] as const

function job(recording: string, name: string): JobParameters {
  const found = fittedWorkload(recording).jobs.find((candidate) => candidate.name === name)
  if (found === undefined) throw new RangeError(`the recording of ${recording} has no job ${name}`)
  return found
}

/** Files that a recording compiled: each is one run of the compiler proper. */
function files(recording: string): number {
  return job(recording, 'cc1').processes
}

function sizes(counts: Readonly<Record<string, number>>): Sizes {
  const entries = Object.entries(counts).map(([pages, count]) => [Number(pages), count] as const)
  let sum = 0
  return { pages: entries.map(([pages]) => pages), upTo: entries.map(([, count]) => (sum += count)) }
}

/** Draws one size; `at` is uniform in [0, 1). */
export function drawSize({ pages, upTo }: Sizes, at: number): number {
  const place = at * (upTo.at(-1) ?? 0)
  return pages[upTo.findIndex((sum) => place < sum)] ?? 1
}

/** Flushes for each fault are of the recording with faults; sizes, and flushes of other CPUs, of the longer one without. */
function processOf(name: (typeof NAMES)[number]): CompileProcess {
  const faulting = job('compile-faults', name)
  const long = job('kernbench', name)
  const perFile = (rate: 'faults' | 'localFlushes') =>
    (faulting.perCpuSecond[rate] * faulting.cpuSeconds) / files('compile-faults')
  const faults = Math.round(perFile('faults'))
  return {
    name,
    faults,
    localFlushes: perFile('localFlushes'),
    localPages: sizes(long.localPages),
    remoteFlushes: (long.perCpuSecond.remoteFlushes * long.cpuSeconds) / files('kernbench'),
    remotePages: sizes(long.remotePages),
    tables: Math.ceil(faults / FAULTS_PER_TABLE) + UPPER_TABLES,
  }
}

let known: CompileMix | undefined

/** The recorded mix. */
export function compileMix(): CompileMix {
  if (known !== undefined) return known
  const processes = NAMES.map(processOf)
  const recorded = ['cc1', 'as', 'gcc', 'make'].map((name) => job('kernbench', name))
  const waits = recorded.reduce(
    (sum, { perCpuSecond, cpuSeconds }) => sum + perCpuSecond.waits * cpuSeconds,
    0,
  )
  const cpu = recorded.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
  known = {
    processes,
    faults: processes.reduce((sum, { faults }) => sum + faults, 0),
    waits: waits / files('kernbench'),
    beside: job('kernbench', 'as').cpuSeconds / cpu,
  }
  return known
}
