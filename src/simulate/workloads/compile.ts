/**
 * `compile`: what the CPUs of a compile job do to address spaces. Each thread compiles file after file: processes are forked
 * (the parent's pages become read-only: a full flush), execute a program (another root: CR3), fault, flush ranges of the
 * recorded sizes, now and then on another CPU that their mm has been on, and end: all tables go through one gather to the
 * policy. User code and the fault handler itself only take time.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { clearFromMask, setInMask } from '../../kernel/flush/interface-check.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { tlbFinishMmu, tlbGatherMmu, tlbRemoveTable } from '../../kernel/mmu-gather.ts'
import { freePgtables, zapPteRange } from '../../kernel/munmap.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../../kernel/tlb.ts'
import type { FrameRef } from '../../machine/entries.ts'
import type { Cpu } from '../../machine/machine.ts'
import { reloadCr3 } from '../../machine/tlb.ts'
import { load } from '../../machine/variables.ts'
import { now, spend } from '../operations.ts'
import type { Random } from '../random.ts'
import { type CompileProcess, compileMix, drawSize, type Sizes } from './compile-mix.ts'
import { fault, frameNames, takeFrame } from './memory-operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

/** User time between two faults, in nanoseconds: 58.4 million faults in 880 seconds of user time (performance.md 1.2 b). */
export const USER_PER_FAULT = 880.45e9 / 58_366_597
/** System time per fault beside its flushes: 76.6 seconds for them (performance.md 2.2, derived). */
const SYSTEM_PER_FAULT = 76.6e9 / 58_366_597

/** One thread at work. */
interface Compiler {
  readonly vm: Vm
  readonly cpu: Cpu
  readonly thread: number
  readonly random: Random
}

/** Notes how long something took. */
function* noted(vm: Vm, name: string, work: Task<void>): Task<void> {
  const from = yield* now()
  yield* work
  vm.events.add(name, (yield* now()) - from)
}

/** `dup_mmap()`: everything that the child shares becomes read-only, so the parent flushes its whole mm. */
function* fork({ vm, cpu, thread }: Compiler): Task<void> {
  const { mm, va } = vm.mappings[thread]!
  yield* call(flushTlbMmRange, vm.kernel, cpu, mm, va, TLB_FLUSH_ALL, false)
}

function* flush(compiler: Compiler, sizes: Sizes, freedTables: boolean): Task<void> {
  const { vm, cpu, thread, random } = compiler
  const { mm, va } = vm.mappings[thread]!
  const pages = drawSize(sizes, random.next())
  const end = pages < 0 ? TLB_FLUSH_ALL : va + BigInt(pages) * PAGE_SIZE
  yield* call(flushTlbMmRange, vm.kernel, cpu, mm, va, end, freedTables && pages < 0)
}

/** A flush of an mm that has left its bit on another CPU: a stale bit, or khugepaged at work for it. */
function* remoteFlush(compiler: Compiler, sizes: Sizes): Task<void> {
  const { vm, cpu, thread, random } = compiler
  const cpus = vm.machine.cpus.length
  if (cpus < 2) return
  const { mm } = vm.mappings[thread]!
  const other = (cpu.id + 1 + random.below(cpus - 1)) % cpus
  yield* setInMask(mm, other)
  yield* noted(vm, 'remote flush', flush(compiler, sizes, true))
  yield* clearFromMask(vm.kernel.checks, mm, other)
}

/** `exit_mmap()`: pages and tables are gathered, flushed once, and the tables given to the policy. */
function* exitMmap({ vm, cpu, thread }: Compiler, tables: readonly FrameRef[]): Task<void> {
  const { kernel, machine } = vm
  const mapping = vm.mappings[thread]!
  yield* frameNames(vm, mapping)
  const tlb = tlbGatherMmu(kernel, cpu, mapping.mm)
  const policy = yield* load(kernel.tableFree)
  // The page that holds the batch (struct mmu_table_batch).
  if (policy.name === 'rcu') yield* spend(vm.costs.alloc + vm.costs.free, 'rcu')
  yield* zapPteRange(tlb, mapping.va)
  yield* freePgtables(tlb, mapping.va)
  for (const table of tables) yield* tlbRemoveTable(tlb, mapping.va, table)
  yield* call(tlbFinishMmu, tlb)
  mapping.tables.push(...tables.map(({ pfn }) => machine.frameName(pfn)))
}

/** One process, from its fork to its end. */
function* run(compiler: Compiler, process: CompileProcess): Task<void> {
  const { vm, cpu, thread, random } = compiler
  const mapping = vm.mappings[thread]!
  yield* noted(vm, 'fork', fork(compiler))
  yield* noted(vm, 'exec', execute(cpu))
  const tables: FrameRef[] = []
  yield* call(fault, vm, mapping)
  const { faults } = process
  const flushes = process.localFlushes + process.remoteFlushes
  for (let done = 0; done < faults; ) {
    const some = Math.min(faults - done, Math.max(1, Math.round(random.exponential(faults / flushes))))
    yield* spend(some * USER_PER_FAULT, 'user')
    yield* spend(some * SYSTEM_PER_FAULT, 'faults')
    done += some
    vm.done[thread]! += some
    const wanted = Math.floor((process.tables - 1) * (done / faults))
    while (tables.length < wanted) tables.push(yield* takeFrame(vm, mapping, 'table'))
    if (random.next() * flushes < process.remoteFlushes) yield* remoteFlush(compiler, process.remotePages)
    else yield* noted(vm, 'flush', flush(compiler, process.localPages, false))
  }
  yield* noted(vm, 'exit', exitMmap(compiler, tables))
}

/** `exec_mmap()` and its `switch_mm()`: the root of the new mm; without PCIDs everything is gone. */
function* execute(cpu: Cpu): Task<void> {
  yield* reloadCr3(cpu, 'exec_mmap')
}

export const compile: Workload = {
  name: 'compile',
  title: 'the address spaces of a compile job',
  unit: 'fault',
  milliseconds: 300,
  warmup: 20,
  defaults: {},
  uses: ['threads'],
  spaces: 'per-cpu',
  threads: (knobs, vcpus) => Math.min(vcpus, knobs.threads || vcpus),
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    // Streams of their own, so that arms with equal seeds compile the same.
    const compiler: Compiler = { vm, cpu, thread, random: vm.random.fork() }
    const { processes } = compileMix()
    yield* spend(compiler.random.next() * 1e6, 'user')
    for (let i = compiler.random.below(processes.length); ; i++) {
      yield* call(run, compiler, processes[i % processes.length]!)
    }
  },
}
