/**
 * The guests that workloads run on: one VM (or bare machine) with one kernel, one mm that its CPUs share or one for each CPU,
 * and for each thread an address with a page in a table of its own. Backends, policies and hypervisors are the scenarios' own.
 */

import type { Task } from '../../core/operation.ts'
import { newHandleId } from '../../core/plain.ts'
import { type Frame, frame } from '../../core/program.ts'
import { call } from '../../core/task.ts'
import { declareFlushChecks } from '../../kernel/flush/interface-check.ts'
import { invlpgbBackend } from '../../kernel/flush/invlpgb.ts'
import type { FlushTlbInfo } from '../../kernel/flush-info.ts'
import { type FlushBackend, type Kernel, named, type TableFreePolicy } from '../../kernel/kernel.ts'
import { declareMm, type Mm, mapInitially } from '../../kernel/mm.ts'
import { declareSmp } from '../../kernel/smp.ts'
import { declareFlushTlbFunc, declareTlbState, flushTlbFunc } from '../../kernel/tlb.ts'
import { makeEntry, type VirtualAddress } from '../../machine/entries.ts'
import type { FrameSpec, Owner } from '../../machine/frame-specs.ts'
import { type Cpu, Machine } from '../../machine/machine.ts'
import { Made } from '../../machine/made.ts'
import type { Variable } from '../../machine/variables.ts'
import { chooseBackend, chooseFreePolicy, V } from '../../scenarios/guest.ts'
import type { Costs } from '../cost-model.ts'
import { EventLog } from '../event-log.ts'
import { Guest } from '../guest.ts'
import { Histogram } from '../histogram.ts'
import type { HostDescription } from '../host.ts'
import { halt, now, TimedRcu } from '../operations.ts'
import type { Random } from '../random.ts'
import { looksForLazy } from './lazy-check.ts'
import { declareProcessMasks, type ProcessMasks } from './process-masks.ts'
import type { Knobs } from './workload.ts'

/** What one thread maps: one page, in a table of its own. */
export interface Mapping {
  readonly mm: Mm
  readonly va: VirtualAddress
  /** Names of frames that may hold its table and its page: those that have waited longest first. */
  readonly tables: string[]
  readonly pages: string[]
  readonly tableOwner: Owner
  readonly pageOwner: Owner
}

export interface Vm {
  readonly machine: Machine
  readonly kernel: Kernel
  readonly mms: readonly Mm[]
  readonly mappings: readonly Mapping[]
  readonly costs: Costs
  readonly host: HostDescription
  readonly knobs: Knobs
  readonly random: Random
  /** `mmap_lock`: a line that readers share, and its writer. */
  readonly mmapReaders: Variable<number>
  readonly mmapWriter: Variable<number>
  /** The lock that faults count themselves on: of the VMA that all mappings have been merged into, or `mmap_lock` before. */
  readonly vmaLock: Variable<number>
  /** The lock of the page tree of the file that everybody maps. */
  readonly fileLock: Variable<number>
  /** The LRU lock, or whatever global stage stands in its place. */
  readonly lruLock: Variable<number>
  readonly zoneLock: Variable<number>
  /** The LRU lock of each socket's node, where a workload is spread over nodes. */
  readonly nodeLocks: readonly Variable<number>[]
  /** Masks of the processes that CPUs switch between (wakeups). */
  readonly processMasks: ProcessMasks
  /** Loops done by each thread. */
  readonly done: Float64Array
  readonly flushLatency: Histogram
  readonly operationLatency: Histogram
  readonly events: EventLog
  readonly guest: Guest
  /** Operations on its locks that are made once. */
  readonly made: Made<string>
}

export interface VmOptions {
  readonly host: HostDescription
  readonly costs: Costs
  readonly flush: string
  readonly free: string
  readonly profile: string
  readonly knobs: Knobs
  readonly random: Random
  /** One mm for all CPUs, or one for each. */
  readonly spaces: 'shared' | 'per-cpu'
  /** Threads, each with a mapping; thread t runs on CPU t. */
  readonly threads: number
  /** What each thread's CPU runs. */
  readonly main: (vm: Vm, cpu: Cpu, thread: number) => Task<void>
  /** CPUs in the mask of a shared mm; those of the threads by default. */
  readonly mask?: readonly number[]
}

/** Regions of a leaf table. */
const TABLE_SPAN = 0x20_0000n
/** Threads whose tables hang on one PMD. */
const MOST_THREADS = 500

function addressOf(thread: number): VirtualAddress {
  return V + BigInt(thread % MOST_THREADS) * TABLE_SPAN
}

/** Builds a guest; the engine runs it. */
export function buildVm(options: VmOptions): Vm {
  const { host, threads } = options
  const cpus = host.vcpus
  const spaces = options.spaces === 'shared' ? 1 : cpus
  const machine = new Machine({
    cpus,
    memoryModel: 'sc',
    levels: 4,
    track: Array.from({ length: Math.min(threads, MOST_THREADS) }, (_, t) => addressOf(t)),
    frames: framesOf(spaces, threads),
    timed: true,
  })
  const mms = Array.from({ length: spaces }, (_, s) =>
    declareMm(
      machine,
      mmName(s),
      `PGD${s}`,
      spaces > 1 ? [s] : (options.mask ?? range(Math.min(threads, cpus))),
    ),
  )
  const mappings = range(threads).map((t) => declareMapping(machine, mms[t % spaces]!, t, t % spaces))
  const later: { kernel?: Kernel } = {}
  const kernel = () => later.kernel as Kernel
  const flushLatency = new Histogram()
  const backend = measured(looksForLazy(makeBackend(machine, options, kernel), options, kernel), flushLatency)
  const rcu = new TimedRcu(machine)
  later.kernel = {
    handleId: newHandleId(),
    machine,
    smp: declareSmp(machine),
    rcu,
    tlbState: declareTlbState(machine, (cpu) => (spaces > 1 ? mms[cpu]! : mms[0]!)),
    flushOp: machine.plainVariable<FlushBackend>('flush_tlb_others', backend),
    tableFree: machine.plainVariable<TableFreePolicy>(
      'tlb_remove_table',
      chooseFreePolicy(machine, options, rcu),
    ),
    flushTlbFunc: declareFlushTlbFunc(kernel),
    checks: declareFlushChecks(machine),
    concurrentFlush: options.knobs.concurrent,
    flushCeiling: BigInt(options.knobs.ceiling),
  }
  const parts = {
    machine,
    kernel: later.kernel,
    mms,
    mappings,
    costs: options.costs,
    host,
    knobs: options.knobs,
    random: options.random,
    mmapReaders: machine.variable('mmap_lock readers'),
    mmapWriter: machine.variable('mmap_lock writer'),
    vmaLock: machine.variable('vm_lock'),
    fileLock: machine.variable('i_pages.lock'),
    lruLock: machine.variable('lru_lock'),
    zoneLock: machine.variable('zone_lock'),
    processMasks: declareProcessMasks(machine, options.knobs.processes),
    nodeLocks: range(host.sockets).map((node) => machine.variable(`lru_lock of node ${node}`)),
    done: new Float64Array(threads),
    flushLatency,
    operationLatency: new Histogram(),
    made: new Made<string>(),
    events: new EventLog(),
  }
  const built: { vm?: Vm } = {}
  for (const cpu of machine.cpus)
    machine.run(
      cpu,
      mainOf(() => built.vm!, options, cpu, threads),
    )
  built.vm = { ...parts, guest: new Guest(machine.program(), machine.cpus, flushTlbFunc) }
  return built.vm
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function mmName(space: number): string {
  return `mm${space}`
}

function mainOf(vm: () => Vm, options: VmOptions, cpu: Cpu, threads: number): Frame {
  return frame(function* main(): Task<void> {
    if (cpu.id < threads) yield* options.main(vm(), cpu, cpu.id)
    // CPUs without a thread are idle, and take interrupts.
    for (;;) yield* halt()
  })
}

function tableSpec(name: string, level: 1 | 2 | 3 | 4, space: number): FrameSpec {
  return { name, table: [level], owner: { use: 'table', level, space: mmName(space) } }
}

function framesOf(spaces: number, threads: number): FrameSpec[] {
  const upper = range(spaces).flatMap((s) => [
    tableSpec(`PGD${s}`, 4, s),
    tableSpec(`PUD${s}`, 3, s),
    tableSpec(`PMD${s}`, 2, s),
  ])
  const own = range(threads).flatMap((t) => [
    tableSpec(`T${t}`, 1, t % spaces),
    { name: `X${t}`, owner: { use: 'data', space: mmName(t % spaces) }, count: 1 } as const,
  ])
  return [...upper, ...own]
}

function declareMapping(machine: Machine, mm: Mm, thread: number, space: number): Mapping {
  const va = addressOf(thread)
  const page = machine.frame(`X${thread}`)
  mapInitially(machine, mm, va, [`PUD${space}`, `PMD${space}`, `T${thread}`], makeEntry(page))
  const { name } = mm
  const tableOwner: Owner = { use: 'table', level: 1, space: name }
  return {
    mm,
    va,
    tables: [],
    pages: [],
    tableOwner,
    pageOwner: { use: 'data', space: name },
  }
}

function makeBackend(machine: Machine, options: VmOptions, kernel: () => Kernel): FlushBackend {
  if (options.flush === 'invlpgb') return invlpgbBackend(kernel, options.knobs.invlpgbThreshold)
  const everybody = machine.cpus.map((cpu) => cpu.id)
  return chooseBackend(machine, { ...options, preempted: everybody }, kernel).backend
}

/** The backend, with the time that each flush takes on the calling CPU. */
function measured(backend: FlushBackend, latency: Histogram): FlushBackend {
  return named({
    name: backend.name,
    flushTlbOthers: function* flushTlbOthers(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const from = yield* now()
      yield* call(backend.flushTlbOthers, cpu, info)
      latency.add((yield* now()) - from)
    },
  })
}
