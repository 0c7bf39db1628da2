/**
 * The Hyper-V flush between 2017 and today: what was wrong, each time with the fix. The list at the top of the address space
 * (4030b4c585c4) is `gva-list-top`.
 */
import { addressSpaceOf } from '../abi/flush.ts'
import { VP_INVAL } from '../abi/vp-set.ts'
import { frame, type Program } from '../core/program.ts'
import type { HypervKernel } from '../kernel/flush/hyperv-rules.ts'
import type { Mm } from '../kernel/mm.ts'
import type { Cpu } from '../machine/machine.ts'
import { V } from './guest.ts'
import { buildModernGuest, type HypervOptions, type ModernOptions } from './modern-guest.ts'
import { awayAndBack, inUserMode, unmapPage } from './modern-runs.ts'
import { type ScenarioOptions, scenario } from './scenario.ts'

const UNSAFE_INTERFACE = { verdict: 'unsafe', property: 'interface' } as const
const SAFE = { verdict: 'safe' } as const

/** CPU0 unmaps a page of an mm that it has not loaded itself, while CPU1 leaves that mm and comes back. */
function emptyMask(options: ScenarioOptions, kernel: HypervKernel): Program {
  const guest = buildModernGuest({ ...today(options), loaded: [1], hyperv: { kernel } })
  const { machine, mm, switching } = guest
  const [cpu0, cpu1] = machine.cpus as [Cpu, Cpu]
  machine.run(cpu0, frame(unmapPage, guest.kernel, cpu0, mm))
  machine.run(cpu1, frame(awayAndBack, guest.kernel, switching, cpu1, mm))
  return machine.program()
}

/** CPU0 unmaps a page, the others run in user mode. */
function unmapUnderUsers(options: ScenarioOptions, hyperv: HypervOptions): Program {
  const guest = buildModernGuest({ ...today(options), hyperv })
  const { machine, kernel, mm } = guest
  machine.run(machine.cpus[0]!, frame(unmapPage, kernel, machine.cpus[0]!, mm))
  for (const cpu of machine.cpus.slice(1)) machine.run(cpu, frame(inUserMode, cpu))
  return machine.program()
}

function today(options: ScenarioOptions): ModernOptions {
  return { ...options, flush: 'hyperv-now', free: 'immediate' }
}

export const emptyMask2020 = scenario({
  name: 'hv-empty-mask',
  title: 'the only CPU of the mask leaves between the test for an empty mask and the look at its last CPU',
  about:
    'The VP number of "no CPU" is read, beyond the end of hv_vp_index. The flush is of an mm that the caller has not loaded, as in reclaim.',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => UNSAFE_INTERFACE,
  build: (options) => emptyMask({ ...options, cpus: 2 }, '2020'),
})

export const emptyMask2021 = scenario({
  name: 'hv-empty-mask-irqs-off',
  title: 'the same with the test moved to where interrupts are off',
  about:
    'ad0a6bad4475 (January 2021), which did not fix it: interrupts off on this CPU say nothing about the bits of others.',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => UNSAFE_INTERFACE,
  build: (options) => emptyMask({ ...options, cpus: 2 }, '2021'),
})

export const emptyMaskFixed = scenario({
  name: 'hv-empty-mask-fixed',
  title: 'the same without trust in a test: no last CPU means no Ex call, nobody collected means no call',
  about:
    '51500b71d500 (January 2022). A CPU that clears its bit has left the mm, and compares generations when it comes back.',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => emptyMask({ ...options, cpus: 2 }, '6.1'),
})

/** What happens to stand at the address that is computed: an old request of this CPU for itself alone. */
function oldRequest(mm: Mm, cpu: number): readonly bigint[] {
  return [BigInt(mm.pgd.pfn) << 12n, 0n, 1n << BigInt(cpu), V]
}

export const inputPagePercpu = scenario({
  name: 'hv-input-percpu',
  title:
    'the input lies in a per-CPU area, and its physical address is computed as if it were in the direct map',
  about:
    'Before 60d73a7c9660 (October 2017; title recalled, id not verified). The hypervisor reads an unrelated frame: here an old request that names the calling CPU alone.',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => UNSAFE_INTERFACE,
  build: (options) => unmapUnderUsers({ ...options, cpus: 3 }, { atGivenAddress: oldRequest }),
})

export const inputPageAllocated = scenario({
  name: 'hv-input-page',
  title: 'the same with a page of its own per CPU, and native flushes where it is missing',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => unmapUnderUsers(options, {}),
})

export const inputPageMissing = scenario({
  name: 'hv-input-page-missing',
  title: 'a CPU that has no input page yet, or no longer, flushes by IPI',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => unmapUnderUsers(options, { withoutInputPage: [0] }),
})

/** CR3 with PCID 1 in it, as `__get_current_cr3_fast()` would give it. */
const withPcid = (mm: Mm) => (BigInt(mm.pgd.pfn) << 12n) | 1n
/** CR3 of a process with LAM57: bit 61. */
const withLam = (mm: Mm) => withPcid(mm) | (1n << 61n)

export const cr3WithPcid = scenario({
  name: 'hv-cr3-pcid',
  title: 'the address space is named by CR3 as it is, with a PCID in its low bits',
  about:
    'A hazard that was avoided: PCIDs were switched off under this scheme at first; 617ab45c9a89 (January 2018) masks the PCID and leaves them on.',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => UNSAFE_INTERFACE,
  build: (options) => unmapUnderUsers(options, { cr3Of: withPcid, addressSpace: (cr3) => cr3 }),
})

export const cr3WithLam = scenario({
  name: 'hv-cr3-lam',
  title: 'CR3_ADDR_MASK that leaves the LAM bits of CR3 in the address space',
  about:
    'Before 80d0969aa783 (December 2022). By the specification the call fails, and IPIs follow; hypervisors that do not check find no such address space.',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: ({ profile }) => (profile === 'tlfs' ? SAFE : UNSAFE_INTERFACE),
  build: (options) =>
    unmapUnderUsers(options, { cr3Of: withLam, addressSpace: (cr3) => cr3 & 0x7fff_ffff_ffff_f000n }),
})

export const cr3Masked = scenario({
  name: 'hv-cr3',
  title: 'the same CR3, and the physical address of the root alone in the call',
  uses: ['cpus', 'memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => unmapUnderUsers(options, { cr3Of: withLam, addressSpace: addressSpaceOf }),
})

export const vpNumbersAssumed = scenario({
  name: 'hv-vp-is-cpu',
  title: 'CPU numbers are taken for VP numbers',
  about: 'What hv_vp_index is for. A mutant, never upstream.',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => UNSAFE_INTERFACE,
  build: (options) => partOfTheMachine(options, { vpNumbers: [0, 2, 1], knownVpNumbers: [0, 1, 2] }),
})

export const exCalls = scenario({
  name: 'hv-ex',
  title: 'VP numbers above 63: the Ex calls, with a set in banks',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => partOfTheMachine(options, { vpNumbers: [0, 70, 71] }),
})

export const exNotOffered = scenario({
  name: 'hv-ex-not-offered',
  title: 'VP numbers above 63, and no Ex calls: IPIs',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => partOfTheMachine(options, { vpNumbers: [0, 70, 71], exProcessorMasks: 'not-offered' }),
})

export const vpNumberUnknown = scenario({
  name: 'hv-vp-unknown',
  title: 'a CPU of the mask has no VP number yet: IPIs',
  uses: ['memoryModel', 'levels', 'profile'],
  expected: () => SAFE,
  build: (options) => partOfTheMachine(options, { vpNumbers: [0, 1, 2], knownVpNumbers: [0, VP_INVAL, 2] }),
})

/** As {@link unmapUnderUsers} with a third CPU that has another address space, so that "all processors" is not asked for. */
function partOfTheMachine(options: ScenarioOptions, hyperv: HypervOptions): Program {
  const guest = buildModernGuest({ ...today({ ...options, cpus: 3 }), loaded: [0, 1], hyperv })
  const { machine, kernel, mm } = guest
  machine.run(machine.cpus[0]!, frame(unmapPage, kernel, machine.cpus[0]!, mm))
  machine.run(machine.cpus[1]!, frame(inUserMode, machine.cpus[1]!))
  return machine.program()
}
