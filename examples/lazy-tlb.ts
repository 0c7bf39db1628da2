/**
 * CPUs in lazy TLB mode are not interrupted: they look at a generation when they wake. Both sides store before they look, so
 * that one of them sees the other; a store that is still in its buffer does not count.
 *
 *   CPU0  unmap                             CPU1  wake up
 *     PTE[v] = none                           lazy[1] = 0
 *     gen++             (locked: barrier)     smp_mb()
 *     if !lazy[1]: IPI, wait                  if gen has changed: flush
 *     free X                                  return to user mode
 */
import {
  buildGuest,
  type Cpu,
  cpuOnlineMask,
  type FrameRef,
  frame,
  freeFrame,
  invlpg,
  type Kernel,
  load,
  loadMask,
  NONE,
  reloadCr3,
  returnToUser,
  rmw,
  type SmpFunction,
  scenario,
  slot,
  smpCallFunctionMany,
  smpFunction,
  smpMb,
  store,
  type Task,
  V,
  type Variable,
  xchgEntry,
} from 'shootdown'

/** What both sides share. Arguments of tasks are plain values and handles; arrays and objects of these are plain too. */
interface Lazy {
  readonly gen: Variable<number>
  readonly lazy: readonly Variable<number>[]
}

function* unmapPage(cpu: Cpu, kernel: Kernel, shared: Lazy, flush: SmpFunction, page: FrameRef): Task<void> {
  const { machine } = cpu
  yield* xchgEntry(slot(machine, machine.frame('T'), 1, V), NONE)
  yield* invlpg(cpu, V, 'unmap_page')
  yield* rmw(shared.gen, 'inc %', (gen) => gen + 1)
  const awake = cpuOnlineMask(machine) & ~(yield* loadMask(shared.lazy, 'lazy'))
  yield* smpCallFunctionMany(kernel.smp, cpu, awake, flush, null, 'unmap_page')
  yield* freeFrame(machine, page)
}

function* wakeUp(cpu: Cpu, shared: Lazy): Task<void> {
  yield* store(shared.lazy[cpu.id]!, 0)
  yield* smpMb('wake_up') // (1) the store is out before the generation is read
  const gen = yield* load(shared.gen)
  if (gen !== 0) yield* reloadCr3(cpu, 'wake_up') // (2)
  yield* returnToUser(cpu)
}

export default scenario({
  name: 'lazy-tlb',
  title: 'May a CPU in lazy TLB mode be left out of a flush?',
  uses: ['cpus', 'memoryModel', 'levels'],
  build: (options) => {
    const { machine, kernel, page } = buildGuest(options)
    const [first, ...others] = machine.cpus
    const shared: Lazy = {
      gen: machine.variable('gen'),
      lazy: machine.perCpu('lazy', (cpu) => (cpu === 0 ? 0 : 1)),
    }
    const flush = smpFunction(function* flushPage(cpu) {
      yield* invlpg(cpu, V, 'flush_page')
    })
    machine.run(first!, frame(unmapPage, first!, kernel, shared, flush, page))
    for (const cpu of others) machine.run(cpu, frame(wakeUp, cpu, shared))
    return machine.program()
  },
})
