/** What the vCPUs of a replay run: their scripts, through the kernel's own functions, with think time between. */
import type { Task } from '../../core/operation.ts'
import { frame } from '../../core/program.ts'
import { call } from '../../core/task.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { tlbFlushMmu, tlbGatherMmu } from '../../kernel/mmu-gather.ts'
import { enterLazyTlb, switchMm } from '../../kernel/switch-mm.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../../kernel/tlb.ts'
import { allocFrame } from '../../machine/frames.ts'
import type { Cpu } from '../../machine/machine.ts'
import { load, store, type Variable, waitUntil } from '../../machine/variables.ts'
import { Histogram } from '../../simulate/histogram.ts'
import { halt, now, spend } from '../../simulate/operations.ts'
import type { Random } from '../../simulate/random.ts'
import type { ReplayGuest } from './guest.ts'
import { RecordedClock } from './recorded-clock.ts'
import type { CpuScript, ReplayStep } from './stream.ts'

/** Work varies by so much around the recorded, so that runs with different seeds differ. */
const SPREAD = 0.1
/** Where flushed ranges begin: which addresses they are costs nothing. */
const START = 0x10_0000n

/** One guest's replay, as it goes on. Nanoseconds. */
export class ReplayProgress {
  /** Steps that vCPUs have done. */
  steps = 0
  /** vCPUs that have come to the ends of their scripts, and how long the last one took. */
  finished = 0
  time = 0
  /** Flushes with other CPUs in the mask, and those that stay on their CPU (or are for nobody). */
  readonly remote = new Histogram()
  readonly local = new Histogram()
}

export interface ReplayProgram {
  readonly guest: ReplayGuest
  readonly scripts: readonly CpuScript[]
  readonly random: Random
  /** Nanoseconds of the simulation for a microsecond of the recording. */
  readonly scale: number
  /** Nanoseconds from an event that wakes a vCPU until it runs. */
  readonly wakeUp: number
  /** Nanoseconds before the guest begins. */
  readonly delay: number
  readonly progress: ReplayProgress
}

/** What one CPU sleeps by. */
interface Sleeping {
  /** 1 while its timer runs. */
  readonly timer: Variable<number>
  /** Set while it sleeps, for a hypervisor to which that makes a difference. */
  readonly halted: Variable<number> | undefined
  readonly clock: RecordedClock
}

/** Gives every CPU of the guest what it runs. */
export function installReplay(program: ReplayProgram): void {
  const { guest, scale } = program
  const { machine } = guest
  const clock = new RecordedClock(machine.cpus.length, scale, program.wakeUp)
  for (const cpu of machine.cpus) {
    const sleeping = { timer: machine.variable(`timer[${cpu.id}]`), halted: guest.halted?.[cpu.id], clock }
    machine.run(
      cpu,
      frame(() => runScript(program, cpu, sleeping)),
    )
    machine.addAgent({
      name: `timer of CPU${cpu.id}`,
      main: frame(() => runTimer(cpu, sleeping)),
      sources: [],
      buffered: false,
      daemon: true,
    })
  }
}

/** Ends the sleep of one CPU: runs beside the CPUs and costs them nothing. */
function* runTimer(cpu: Cpu, { timer, clock }: Sleeping): Task<void> {
  for (;;) {
    yield* waitUntil([timer], 'until it is armed', ([armed]) => armed === 1)
    for (;;) {
      const remaining = clock.remaining(cpu.id, yield* now())
      if (remaining === 0) break
      yield* spend(remaining, 'idle')
    }
    yield* store(timer, 0)
  }
}

/** HLT until the timer has run; flushes are answered meanwhile. Shorter than a wake-up, and the CPU polls. */
function* sleep(cpu: Cpu, { timer, halted, clock }: Sleeping): Task<void> {
  if (clock.remaining(cpu.id, yield* now()) === 0) return
  yield* store(timer, 1)
  if (halted !== undefined) yield* store(halted, 1)
  while ((yield* load(timer)) === 1) yield* halt([timer.cell], (memory) => memory.peek(timer.cell) === 0)
  if (halted !== undefined) yield* store(halted, 0)
}

function* runScript(program: ReplayProgram, cpu: Cpu, sleeping: Sleeping): Task<void> {
  const { progress, guest, random } = program
  const { clock } = sleeping
  const near = (microseconds: number) => random.near(microseconds * program.scale, SPREAD)
  if (program.delay > 0) yield* spend(program.delay, 'idle')
  const begun = yield* now()
  for (const step of program.scripts[cpu.id] ?? []) {
    clock.begin(cpu.id, step.at, yield* now(), step.kind === 'idle' ? 'sleeps' : 'works')
    if (step.kind === 'idle') yield* call(sleep, cpu, sleeping)
    else if (step.kind === 'run') yield* spend(near(step.work), 'user')
    else if (step.kind === 'switch') yield* call(switchTo, guest, cpu, step.to)
    else {
      if (step.work > 0) yield* spend(near(step.work), 'user')
      yield* call(flush, program, cpu, step)
    }
    progress.steps++
  }
  clock.end(cpu.id)
  yield* enterLazyTlb(guest.kernel, cpu)
  progress.finished++
  progress.time = Math.max(progress.time, (yield* now()) - begun)
  for (;;) yield* halt()
}

/** Whoever runs now, or nobody; the kernel's own work for a switch is in the recorded time. */
function* switchTo({ kernel, switching, mms }: ReplayGuest, cpu: Cpu, to: number | 'lazy'): Task<void> {
  if (to === 'lazy') yield* enterLazyTlb(kernel, cpu)
  else yield* call(switchMm, kernel, switching, cpu, mms[to]!)
}

function* flush(program: ReplayProgram, cpu: Cpu, step: ReplayStep & { readonly kind: 'flush' }): Task<void> {
  const { guest, progress } = program
  const end = step.pages < 0 ? TLB_FLUSH_ALL : START + BigInt(step.pages) * PAGE_SIZE
  const sent = guest.counts.remote
  sent[cpu.id] = 0
  const from = yield* now()
  if (step.freedTables) yield* call(freeTable, guest, cpu, step.space, end)
  else yield* call(flushTlbMmRange, guest.kernel, cpu, guest.mms[step.space]!, START, end, false)
  const took = (yield* now()) - from
  ;(sent[cpu.id] === 1 ? progress.remote : progress.local).add(took)
}

/** A gather that ends with one page-table page: it is taken now, flushed, and given to the policy. */
function* freeTable(guest: ReplayGuest, cpu: Cpu, space: number, end: bigint): Task<void> {
  const { kernel, machine, mms, tables } = guest
  const tlb = tlbGatherMmu(kernel, cpu, mms[space]!)
  tlb.start = START
  tlb.end = end
  tlb.freedTables = true
  // The one that has waited longest comes first; without a free one the flush goes without.
  const own = tables[cpu.id]!
  const name = own.shift()!
  own.push(name)
  const table = yield* allocFrame(machine, name, { use: 'table', level: 1, space: mms[space]!.name })
  if (table !== null) {
    const policy = yield* load(kernel.tableFree)
    yield* policy.removeTable(tlb, table)
  }
  yield* call(tlbFlushMmu, tlb)
}
