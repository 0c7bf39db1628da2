/**
 * `compile`: what one CPU of a compile job does to its address space: user code, faults, local flushes of the recorded sizes,
 * and a process that ends every so often and frees its page tables by the policy. Processes are single-threaded, so flushes
 * are local; rates per fault and sizes come from the recorded traces.
 */
import type { Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import { TLB_FLUSH_ALL } from '../../kernel/flush-info.ts'
import { munmap } from '../../kernel/munmap.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../../kernel/tlb.ts'
import type { Cpu } from '../../machine/machine.ts'
import { spend } from '../operations.ts'
import type { Random } from '../random.ts'
import { fittedWorkload } from './fitted.ts'
import { fault, frameNames } from './memory-operations.ts'
import type { Vm } from './vm.ts'
import type { Workload } from './workload.ts'

/** User time between two faults, in nanoseconds: 58.4 million faults in 880 seconds of user time (performance.md 1.2 b). */
const USER_PER_FAULT = 880.45e9 / 58_366_597
/** System time per fault beside its flushes: 76.6 seconds for them (performance.md 2.2, derived). */
const SYSTEM_PER_FAULT = 76.6e9 / 58_366_597
/** Faults between two flushes are simulated together. */
const PROCESS_FAULTS = 3400
/** Page tables of one process: its text, heap, stack and libraries (assumption: one leaf table for 128 faults). */
const TABLES_PER_PROCESS = Math.ceil(PROCESS_FAULTS / 128)

/** Sizes in pages with how often each occurs, for drawing from. */
interface Sizes {
  readonly pages: readonly number[]
  readonly upTo: readonly number[]
  readonly perFault: number
}

/** Flushes of a compile: how many for each fault, and of how many pages, from the recording with faults and the longer one. */
export function compileFlushes(): Sizes {
  const withFaults = fittedWorkload('compile-faults').jobs.filter(
    ({ perCpuSecond }) => perCpuSecond.faults > 0,
  )
  const total = (of: 'faults' | 'localFlushes') =>
    withFaults.reduce((sum, job) => sum + job.cpuSeconds * job.perCpuSecond[of], 0)
  const counts = new Map<number, number>()
  for (const job of fittedWorkload('kernbench').jobs) {
    for (const [pages, count] of Object.entries(job.localPages)) {
      counts.set(Number(pages), (counts.get(Number(pages)) ?? 0) + count)
    }
  }
  let sum = 0
  const upTo = [...counts.values()].map((count) => {
    sum += count
    return sum
  })
  return { pages: [...counts.keys()], upTo, perFault: total('localFlushes') / total('faults') }
}

function draw(sizes: Sizes, random: Random): number {
  const at = random.next() * sizes.upTo.at(-1)!
  return sizes.pages[sizes.upTo.findIndex((upTo) => at < upTo)]!
}

/** A process ends: its tables are unhooked, flushed and given to the policy. */
function* exitMmap(vm: Vm, cpu: Cpu, thread: number): Task<void> {
  const mapping = vm.mappings[thread]!
  yield* frameNames(vm, mapping)
  yield* call(munmap, vm.kernel, cpu, mapping.mm, mapping.va)
  yield* fault(vm, mapping)
}

export const compile: Workload = {
  name: 'compile',
  title: 'the address spaces of a compile job',
  unit: 'fault',
  milliseconds: 300,
  warmup: 20,
  defaults: {},
  spaces: 'per-cpu',
  threads: (_, vcpus) => vcpus,
  *main(vm: Vm, cpu: Cpu, thread: number): Task<void> {
    const sizes = compileFlushes()
    const mapping = vm.mappings[thread]!
    const perFlush = 1 / sizes.perFault
    const perTable = PROCESS_FAULTS / TABLES_PER_PROCESS
    yield* spend(vm.random.next() * 1e6, 'user')
    for (let faults = 0, tables = 0; ; ) {
      const some = Math.max(1, Math.round(vm.random.exponential(perFlush)))
      yield* spend(some * USER_PER_FAULT, 'user')
      yield* spend(some * SYSTEM_PER_FAULT, 'faults')
      const pages = draw(sizes, vm.random)
      const end = pages < 0 ? TLB_FLUSH_ALL : mapping.va + BigInt(pages) * PAGE_SIZE
      yield* call(flushTlbMmRange, vm.kernel, cpu, mapping.mm, mapping.va, end, false)
      faults += some
      vm.done[thread]! += some
      // Tables go one by one here, as often as processes that end free them.
      for (; tables * perTable < faults; tables++) yield* call(exitMmap, vm, cpu, thread)
    }
  },
}
