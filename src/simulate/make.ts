/**
 * `make -j`: processes on CPUs, as a queueing model. make starts units (source files) one after another as long as job slots
 * are free; a unit computes, waits for a disk or a pipe, and computes; its assembler runs beside it. Runnable tasks share the
 * CPUs evenly, as CFS has it. Before and after that, one task runs alone: configuration, links.
 *
 * Because shares are even, a task's progress is that of a common virtual clock: who ends first is known without looking at
 * every slice, and the number of slices follows from how many tasks were runnable for how long.
 */
import { EventHeap } from './heap.ts'
import { Random } from './random.ts'

/** One build. Times in seconds. */
export interface Build {
  readonly units: number
  /** CPU time of everything together. */
  readonly work: number
  readonly cpus: number
  /** Job slots; infinite for `make -j`. */
  readonly jobs: number
  /** Time in which one task only runs. */
  readonly serial: number
  /** Time that a unit waits, on average. */
  readonly wait: number
  /** Share of a unit's CPU time that runs beside the rest. */
  readonly beside: number
  /** Between two starts by make: fork, exec, and make's own work. */
  readonly spawn: number
  /** Wall-clock time that one second on a CPU takes, because others have the pCPU: 1 on an own machine. */
  readonly slowdown: number
}

export interface BuildOutcome {
  readonly elapsed: number
  /** Slices that ended while others waited, by CFS's rule for their length. */
  readonly slices: number
  /** Most tasks that were runnable at once. */
  readonly peak: number
}

/** CFS: every runnable task once in the latency, but for this long at least (performance.md 1.7, R(0.85)). */
const LATENCY = 0.006
const GRANULARITY = 0.00075

/** Seconds of one slice. */
function sliceOf(runnable: number, cpus: number): number {
  const factor = 1 + Math.log2(Math.min(8, cpus))
  return Math.max(GRANULARITY * factor, (LATENCY * factor * cpus) / runnable)
}

const PHASE = { first: 0, waiting: 1, second: 2 } as const

/** The units of the source tree: the same files in every run. */
function unitSizes(units: number): Float64Array {
  const random = new Random(42)
  const sizes = Float64Array.from({ length: units }, () => random.exponential(1))
  const sum = sizes.reduce((total, size) => total + size, 0)
  return sizes.map((size) => size / sum)
}

/** Runs one build. Disks are drawn by seed. */
export function make(build: Build, seed: number): BuildOutcome {
  const { units, cpus, slowdown } = build
  if (![build.work, build.serial, build.wait, build.spawn].every(Number.isFinite) || !(slowdown >= 1))
    throw new RangeError('a build needs finite times and a slowdown of at least 1')
  const work = Math.max(0, build.work - build.serial)
  const sizes = unitSizes(units)
  const random = new Random(seed)
  // Items: the unit itself, then its assembler; computing ones by virtual time, waiting ones by the clock.
  const computing = new EventHeap(2 * units)
  const waiting = new EventHeap(units)
  const phase = new Uint8Array(units)
  const left = new Uint8Array(units).fill(2)
  let now = 0
  let virtual = 0
  let runnable = 0
  let peak = 0
  let slices = 0
  let started = 0
  let running = 0
  let canStart = 0
  const compute = (item: number, cpuTime: number) => {
    computing.set(item, virtual + cpuTime)
    runnable++
    peak = Math.max(peak, runnable)
  }
  const start = () => {
    const unit = started++
    running++
    canStart = now + build.spawn
    phase[unit] = PHASE.first
    compute(unit, (work * sizes[unit]! * (1 - build.beside)) / 2)
    compute(units + unit, work * sizes[unit]! * build.beside)
  }
  const ended = (unit: number) => {
    left[unit]!--
    if (left[unit] === 0) running--
  }
  while (started < units || running > 0) {
    const speed = runnable === 0 ? 0 : Math.min(1, cpus / runnable) / slowdown
    const computed = runnable === 0 ? Number.POSITIVE_INFINITY : now + (computing.earliest - virtual) / speed
    const spawned =
      started < units && running < build.jobs ? Math.max(now, canStart) : Number.POSITIVE_INFINITY
    const next = Math.min(computed, waiting.earliest, spawned)
    if (runnable > cpus) slices += ((next - now) * cpus) / slowdown / sliceOf(runnable, cpus)
    virtual += (next - now) * speed
    now = next
    if (next === spawned) {
      start()
    } else if (next === computed) {
      const item = computing.pop()
      runnable--
      const unit = item % units
      if (item < units && phase[unit] === PHASE.first) {
        phase[unit] = PHASE.waiting
        waiting.set(unit, now + random.exponential(build.wait))
      } else {
        ended(unit)
      }
    } else {
      const unit = waiting.pop()
      phase[unit] = PHASE.second
      compute(unit, (work * sizes[unit]! * (1 - build.beside)) / 2)
    }
  }
  return { elapsed: now + build.serial * slowdown, slices, peak }
}
