/**
 * The races by which `trace check` explains why a recorded kernel decided otherwise than its inputs say at first sight.
 * Each assertion denies that it can happen, and the counterexample is that interleaving:
 *
 *   CPU0  flush                             CPU1
 *     flush_range, multi       (recorded)
 *     read mask, read is_lazy[1]              goes lazy, wakes, joins or leaves the mask
 *     IPI, or none
 */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import { call } from '../core/task.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { enterLazyTlb, switchMm } from '../kernel/switch-mm.ts'
import { incMmTlbGen, PAGE_SIZE } from '../kernel/tlb.ts'
import type { Cpu } from '../machine/machine.ts'
import { assert, load, store, type Variable } from '../machine/variables.ts'
import { V } from './guest.ts'
import { buildModernGuest, type ModernGuest } from './modern-guest.ts'
import { type ScenarioOptions, scenario } from './scenario.ts'

const SEEN = { verdict: 'unsafe', property: 'assertion' } as const

/** What a probe at the backend's entry prints of CPU1, and what CPU1 itself knows of its generation. */
interface Probe {
  readonly [key: string]: number
  readonly inMask: number
  readonly lazy: number
}

/** What the flush of CPU0 came to on CPU1. */
interface After {
  /** CPU1 is at the flush's generation, or later. */
  readonly caughtUp: boolean
  /** CPU1 was not when it had finished its own doing: the flush has interrupted it. */
  readonly interrupted: boolean
  readonly inMask: boolean
}

/** CPU1's generation when it is done with its own doing; 0 until then. */
type Mark = Variable<number>

/** What CPU1 does meanwhile. */
type Doing = 'idle' | 'wake' | 'enter' | 'leave'

/** Each race: what is denied, and how it shows. */
const RACES: Readonly<
  Record<Doing, { readonly message: string; readonly happened: (before: Probe, after: After) => boolean }>
> = {
  idle: {
    message: 'CPU1 was not lazy when the flush began, so it is interrupted',
    happened: (before, after) => before.lazy === 0 && !after.caughtUp,
  },
  wake: {
    message: 'CPU1 was lazy when the flush began, so it is left out',
    happened: (before, after) => before.lazy === 1 && after.interrupted,
  },
  enter: {
    message: 'CPU1 was not in the mask when the flush began, so it is left out',
    happened: (before, after) => before.inMask === 0 && after.interrupted,
  },
  leave: {
    message: 'CPU1 was in the mask when the flush began, so it is there until the flush returns',
    happened: (before, after) => before.inMask === 1 && !after.inMask,
  },
}

/** CPU0: looks as the probe does, flushes a page, and looks at what has come of CPU1. */
function* flushAndCompare(guest: ModernGuest, cpu: Cpu, mark: Mark, doing: Doing): Task<void> {
  const { kernel, mm } = guest
  const other = kernel.tlbState[1]!
  const before: Probe = { inMask: yield* load(mm.cpumask[1]!), lazy: yield* load(other.isLazy) }
  yield* call(flushPage, kernel, cpu, mm)
  const own = yield* load(kernel.tlbState[cpu.id]!.tlbGen[0]!)
  const gen = yield* load(other.tlbGen[0]!)
  const marked = yield* load(mark)
  const inMask = (yield* load(mm.cpumask[1]!)) === 1
  const after = { caughtUp: gen >= own, interrupted: marked !== 0 && marked < own && gen >= own, inMask }
  const { message, happened } = RACES[doing]
  yield* assert(!happened(before, after), message)
}

function* flushPage(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  yield* kernel.flushTlbMmRange!(cpu, mm, V, V + PAGE_SIZE, false)
}

/** CPU1: does something, and notes its generation afterwards. */
function* doAndMark(guest: ModernGuest, cpu: Cpu, mark: Mark, doing: Doing): Task<void> {
  const { kernel, mm, switching } = guest
  if (doing === 'idle') yield* enterLazyTlb(kernel, cpu)
  else yield* switchMm(kernel, switching, cpu, doing === 'leave' ? null : mm)
  yield* store(mark, yield* load(kernel.tlbState[cpu.id]!.tlbGen[0]!))
}

/** CPU0 flushes a page of an mm that CPU2 has loaded too, so that the backend is always called. */
function race(options: ScenarioOptions, doing: Doing): Program {
  const loaded = doing === 'enter' ? [0, 2] : [0, 1, 2]
  const guest = buildModernGuest({ ...options, cpus: 3, flush: 'native', free: 'immediate', loaded })
  const { machine, kernel } = guest
  const [cpu0, cpu1] = machine.cpus as [Cpu, Cpu]
  const mark = machine.variable('CPU1 is done, at generation', 0)
  if (doing === 'wake') machine.cells.setInitial(kernel.tlbState[1]!.isLazy.cell, 1)
  machine.run(cpu0, frame(flushAndCompare, guest, cpu0, mark, doing))
  machine.run(cpu1, frame(doAndMark, guest, cpu1, mark, doing))
  return machine.program()
}

export const goesLazy = scenario({
  name: 'trace-race-goes-lazy',
  title: 'a CPU goes lazy between the probe of a flush and its look at is_lazy, and gets no IPI',
  about: 'Recorded in every trace with idle CPUs. The assertion denies it; it is what happens.',
  uses: ['memoryModel', 'levels'],
  expected: () => SEEN,
  build: (options) => race(options, 'idle'),
})

export const leavesLazy = scenario({
  name: 'trace-race-leaves-lazy',
  title: 'a lazy CPU goes back to work between the probe of a flush and its look at is_lazy, and gets an IPI',
  about: 'The other half of trace-race-goes-lazy.',
  uses: ['memoryModel', 'levels'],
  expected: () => SEEN,
  build: (options) => race(options, 'wake'),
})

export const joinsMask = scenario({
  name: 'trace-race-joins-mask',
  title: 'a CPU switches to the mm between the probe of a flush and its look at the mask, and gets an IPI',
  about: 'mm_cpumask is live: the probe prints it before the flush reads it.',
  uses: ['memoryModel', 'levels'],
  expected: () => SEEN,
  build: (options) => race(options, 'enter'),
})

export const leavesMask = scenario({
  name: 'trace-race-leaves-mask',
  title: 'a CPU that was in the mask when a flush began has left the mm when it returns',
  about: 'It was asked and found another mm loaded, or was not asked any more.',
  uses: ['memoryModel', 'levels'],
  expected: () => SEEN,
  build: (options) => race(options, 'leave'),
})

/** CPU0 flushes one page while CPU1's flush has taken its generation and not asked anybody yet. */
function* flushAlone(guest: ModernGuest, cpu: Cpu): Task<void> {
  const { kernel, mm } = guest
  const before = yield* load(kernel.tlbState[cpu.id]!.tlbGen[0]!)
  yield* call(flushPage, kernel, cpu, mm)
  const after = yield* load(kernel.tlbState[cpu.id]!.tlbGen[0]!)
  yield* assert(after <= before + 1, 'a flush of one page brings its CPU forward by one generation')
}

function* takeGeneration(mm: Mm): Task<void> {
  yield* incMmTlbGen(mm)
}

export const generationsMerge = scenario({
  name: 'trace-race-generations-merge',
  title: 'a flush reads a generation that another flush has just taken, and does the work of both',
  about:
    'A range becomes a full flush, and the handler of the other flush finds nothing left to do. CPU1 is the first half of that other flush.',
  uses: ['memoryModel', 'levels'],
  expected: () => SEEN,
  build: (options) => {
    const guest = buildModernGuest({ ...options, cpus: 3, flush: 'native', free: 'immediate' })
    const { machine, mm } = guest
    const [cpu0, cpu1] = machine.cpus as [Cpu, Cpu]
    machine.run(cpu0, frame(flushAlone, guest, cpu0))
    machine.run(cpu1, frame(takeGeneration, mm))
    return machine.program()
  },
})
