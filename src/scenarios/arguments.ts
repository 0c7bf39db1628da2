/** The arguments of the thread, one scenario each. */
import type { Task } from '../core/operation.ts'
import { frame, type Program } from '../core/program.ts'
import { call } from '../core/task.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { tlbFinishMmu, tlbGatherMmu } from '../kernel/mmu-gather.ts'
import { zapPteRange } from '../kernel/munmap.ts'
import { flushTlbMmRange, PAGE_SIZE } from '../kernel/tlb.ts'
import { gupFastSyscall } from '../kernel/walkers.ts'
import { declareVector, sendIpi, type Vector } from '../machine/interrupts.ts'
import type { Cpu } from '../machine/machine.ts'
import { cpuBit } from '../machine/masks.ts'
import { returnToUser } from '../machine/modes.ts'
import { promise } from '../machine/promises.ts'
import { flushGuestTlb } from '../machine/tlb.ts'
import { store } from '../machine/variables.ts'
import { buildAnyGuest } from './any-guest.ts'
import { type Guest, V } from './guest.ts'
import { type ScenarioOptions, scenario } from './scenario.ts'
import { addWalkers, unmapper } from './thread-table.ts'

const HYPERCALL_BACKENDS = ['hyperv', 'hyperv-now', 'xen', 'kvm']

/** One CPU unmaps, the others walk by gup_fast. */
function unmapUnderGup(guest: Guest): Program {
  const { machine, kernel, mm } = guest
  machine.run(machine.cpus[0]!, frame(unmapper, kernel, machine.cpus[0]!, mm))
  addWalkers(guest, 'gup-fast')
  return machine.program()
}

export const diagram = scenario({
  name: 'zijlstra-diagram',
  title: "Zijlstra's diagram: unhook, invalidate, free, against cli, traverse, sti",
  about:
    'Mail of 2017-08-11 13:07. With IPIs (native) the walk holds off the acknowledgement and so the freeing; with a hypercall (hyperv, xen) nothing does.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  expected: ({ flush }) =>
    HYPERCALL_BACKENDS.includes(flush)
      ? { verdict: 'unsafe', property: 'page-table lifetime' }
      : { verdict: 'safe' },
  build: (options) => unmapUnderGup(buildAnyGuest({ ...options, free: 'immediate' })),
})

export const cooper = scenario({
  name: 'cooper-migration',
  title: "Cooper's objection: the vCPU moves to another pCPU in the middle of the walk, and its TLB empties",
  about:
    'Mail of 2017-08-11 12:05, answered by "not the point": the walker reads memory, not its TLB. With and without a fresh TLB in mid-walk the verdicts are those of zijlstra-diagram.',
  uses: ['cpus', 'memoryModel', 'levels', 'flush', 'profile'],
  expected: diagram.expected!,
  build: (options) => {
    const guest = buildAnyGuest({
      ...options,
      free: 'immediate',
      preempted: options.flush === 'kvm' ? [1] : [],
      machine: { tlbs: options.cpus + 1 },
    })
    const { machine, host } = guest
    const walker = machine.cpus[1]!
    const spare = options.cpus
    host.declarePreemption(
      function* migrate(cpu: Cpu): Task<void> {
        yield* host.migrate(cpu, spare)
        yield* flushGuestTlb(cpu, { addressSpace: 'all', spans: 'all', globals: 'flushed' }, 'migrate')
      },
      1,
      [walker],
    )
    return unmapUnderGup(guest)
  },
})

/** Zap, flush, and say at once what has been promised; the table stays. */
function* flushAndPromise(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  const tlb = tlbGatherMmu(kernel, cpu, mm)
  yield* zapPteRange(tlb, V)
  yield* call(flushTlbMmRange, kernel, cpu, mm, tlb.start, tlb.end, false)
  yield* promise(kernel.machine, mm.space, V, { frames: [], writable: false })
  yield* tlbFinishMmu(tlb)
}

/** The guarantee about the TLB alone: after the flush nobody can use what it flushed. */
function guarantee(options: ScenarioOptions, flush: string): Program {
  const guest = buildAnyGuest({ ...options, flush, free: 'immediate' })
  const { machine, kernel, mm } = guest
  machine.run(machine.cpus[0]!, frame(flushAndPromise, kernel, machine.cpus[0]!, mm))
  for (const cpu of machine.cpus.slice(1)) machine.run(cpu, frame(gupFastSyscall, cpu, mm, V, 'pte'))
  return machine.program()
}

export const gross = scenario({
  name: 'gross-promise',
  title: "Gross: after Xen's flush returns, no entry that was to be flushed can be used",
  about: 'Mail of 2017-08-11 14:22. It holds, also for a vCPU that is switched out and in.',
  uses: ['cpus', 'memoryModel', 'levels'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => guarantee(options, 'xen'),
})

export const grossNotEnough = scenario({
  name: 'gross-not-enough',
  title: "Xen's promise holds, and gup_fast still walks a freed table",
  about: 'Zijlstra, 2017-08-11 14:35: "that is not a sufficient guarantee".',
  uses: ['cpus', 'memoryModel', 'levels'],
  expected: () => ({ verdict: 'unsafe', property: 'page-table lifetime' }),
  build: (options) => unmapUnderGup(buildAnyGuest({ ...options, flush: 'xen', free: 'immediate' })),
})

export const loeser = scenario({
  name: 'loeser-guarantee',
  title: 'Loeser: when HvFlushVirtualAddressList returns, its effects on the named processors have occurred',
  about: 'Mail of 2017-08-10 19:08, quoting the specification. It holds in every profile.',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => guarantee(options, 'hyperv'),
})

export const loeserNotEnough = scenario({
  name: 'loeser-not-enough',
  title: "the hypervisor's guarantee holds, and gup_fast still walks a freed table",
  about: 'Zijlstra, 2017-08-10 21:27: "that\'s nowhere near enough".',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => ({ verdict: 'unsafe', property: 'page-table lifetime' }),
  build: (options) => unmapUnderGup(buildAnyGuest({ ...options, flush: 'hyperv', free: 'immediate' })),
})

/** `hyperv_setup_mmu_ops()`, then, later in boot, `hyperv_init()` with `hyper_alloc_mmu()`. */
function* bootHyperv(guest: Guest): Task<void> {
  yield* store(guest.kernel.flushOp, guest.backend)
  yield* store(guest.boot!.hypercallPage, 1)
  yield* store(guest.boot!.pcpuFlush, 1)
}

function bootOrder(options: ScenarioOptions, bootChecks: 'checked' | 'unchecked'): Program {
  const guest = buildAnyGuest({
    ...options,
    flush: 'hyperv',
    free: 'rcu',
    hyperv: { booted: 'no', ...(bootChecks === 'unchecked' && { bootChecks }) },
  })
  const { machine, kernel, mm } = guest
  machine.run(machine.cpus[0]!, frame(bootHyperv, guest))
  machine.run(machine.cpus[1]!, frame(unmapper, kernel, machine.cpus[1]!, mm))
  for (const cpu of machine.cpus.slice(2)) machine.run(cpu, frame(gupFastSyscall, cpu, mm, V, 'pte'))
  return machine.program()
}

export const bootOrderScenario = scenario({
  name: 'boot-order',
  title: 'pv_ops are patched before the input pages are there, while another CPU flushes',
  about:
    'Commit text of 2ffd9e33ce4a: "pv_ops patching is happening very early so we need to separate hyperv_setup_mmu_ops() and hyper_alloc_mmu()". Until both are done a flush is native.',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => bootOrder(options, 'checked'),
})

export const bootOrderUnchecked = scenario({
  name: 'boot-order-unchecked',
  title: 'the same without the test for hypercall page and input pages',
  about: 'What the first line of hyperv_flush_tlb_others is for. A mutant, never upstream.',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => ({ verdict: 'unsafe', property: 'interface' }),
  build: (options) => bootOrder(options, 'unchecked'),
})

/** A second address of the same table, which the interrupt handler flushes. */
const OTHER = V + PAGE_SIZE

function* flushOther(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  yield* call(flushTlbMmRange, kernel, cpu, mm, OTHER, OTHER + PAGE_SIZE, false)
}

function* interruptCpu0(vector: Vector, cpu: Cpu): Task<void> {
  yield* sendIpi(vector, cpuBit(0), 'device')
  yield* returnToUser(cpu)
}

function inputPage(options: ScenarioOptions, irqs: 'on' | 'off'): Program {
  const guest = buildAnyGuest({
    ...options,
    flush: 'hyperv',
    free: 'rcu',
    ...(irqs === 'on' && { hyperv: { irqs } }),
  })
  const { machine, kernel, mm } = guest
  const vector = declareVector(machine, 'device', function* deviceInterrupt(cpu: Cpu): Task<void> {
    yield* flushOther(kernel, cpu, mm)
  })
  machine.run(machine.cpus[0]!, frame(unmapper, kernel, machine.cpus[0]!, mm))
  machine.run(machine.cpus[1]!, frame(interruptCpu0, vector, machine.cpus[1]!))
  return machine.program()
}

export const inputPageIrqsOff = scenario({
  name: 'input-page-irqs-off',
  title: 'an interrupt that flushes on the same CPU, with interrupts off while the input page is in use',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => inputPage({ ...options, cpus: 2 }, 'off'),
})

export const inputPageIrqsOn = scenario({
  name: 'input-page-irqs-on',
  title: 'the same with interrupts on: the handler rewrites the page under the first call',
  about: 'What local_irq_save() in hyperv_flush_tlb_others is for. A mutant, never upstream.',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => ({ verdict: 'unsafe' }),
  build: (options) => inputPage({ ...options, cpus: 2 }, 'on'),
})

/** The last 16 MiB of the address space, less one page: kernel addresses, flushed by list. */
const TOP_START = 0xffff_ffff_ff00_0000n
const TOP_END = 0xffff_ffff_ffff_f000n

function* flushTop(guest: Guest, cpu: Cpu): Task<void> {
  const { mm, backend } = guest
  yield* call(backend.flushTlbOthers, cpu, {
    mm,
    start: TOP_START,
    end: TOP_END,
    newTlbGen: 2,
    freedTables: false,
  })
}

function gvaListTop(options: ScenarioOptions, gvaList: '2017' | '2019'): Program {
  const guest = buildAnyGuest({ ...options, flush: 'hyperv', free: 'rcu', hyperv: { gvaList } })
  const { machine } = guest
  machine.run(machine.cpus[0]!, frame(flushTop, guest, machine.cpus[0]!))
  return machine.program()
}

export const gvaListTop2017 = scenario({
  name: 'gva-list-top',
  title: "a range at the top of the address space in the thread's fill_gva_list",
  about: 'The cursor wraps around 2^64 and the loop never ends; fixed by 4030b4c585c4 in 2019.',
  uses: ['cpus', 'memoryModel', 'profile'],
  expected: () => ({ verdict: 'unsafe', property: 'progress' }),
  build: (options) => gvaListTop(options, '2017'),
})

export const gvaListTopFixed = scenario({
  name: 'gva-list-top-fixed',
  title: 'the same range in the list builder of 4030b4c585c4',
  uses: ['cpus', 'memoryModel', 'profile'],
  expected: () => ({ verdict: 'safe' }),
  build: (options) => gvaListTop(options, '2019'),
})
