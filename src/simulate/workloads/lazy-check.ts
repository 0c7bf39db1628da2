/**
 * Kernels from 4.20 on look at every target of a flush whether it is lazy. Nobody is, in these workloads; what it costs are
 * cache lines. Until 2f4305b19fe6 (2021) `is_lazy` stands on the line that the target's own flushes write.
 */
import { Operation, type Task } from '../../core/operation.ts'
import { call } from '../../core/task.ts'
import type { FlushTlbInfo } from '../../kernel/flush-info.ts'
import { type FlushBackend, type Kernel, named } from '../../kernel/kernel.ts'
import type { Cpu } from '../../machine/machine.ts'
import { cpuBit, cpusOf, loadMask } from '../../machine/masks.ts'
import type { Variable } from '../../machine/variables.ts'
import type { VmOptions } from './vm.ts'

/**
 * Lines that are fetched at the same time: the loop calls a function for each CPU through a pointer (assumption: a retpoline
 * lets the CPU run ahead less far than a predicted call; PTI and retpolines came together).
 */
const OVERLAPPED = { mitigations: 2, none: 4 } as const

/** The backend, after a look at every target. */
export function looksForLazy(backend: FlushBackend, options: VmOptions, kernel: () => Kernel): FlushBackend {
  const { lazyCheck } = options.knobs
  if (lazyCheck === 'none') return backend
  const together = options.host.pti ? OVERLAPPED.mitigations : OVERLAPPED.none
  return named({
    name: backend.name,
    flushTlbOthers: function* nativeFlushTlbOthers(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      const mask = yield* loadMask(info.mm.cpumask, 'mm_cpumask')
      const lines = cpusOf(mask & ~cpuBit(cpu.id)).map((target) => {
        const state = kernel().tlbState[target]!
        return lazyCheck === 'own-line' ? state.isLazy : state.tlbGen[0]!
      })
      for (let i = 0; i < lines.length; i += together) yield* lookAt(lines.slice(i, i + together))
      yield* call(backend.flushTlbOthers, cpu, info)
    },
  })
}

/** Loads whose misses overlap: as long as one. */
function lookAt(lines: readonly Variable<number>[]): Operation<void> {
  const cells = lines.map((line) => line.cell)
  return new Operation<void>({
    kind: 'load',
    label: 'is_lazy?',
    footprint: () => ({ loads: cells }),
    apply: (memory) => {
      for (const cell of cells) memory.load(cell)
      return 0
    },
  })
}
