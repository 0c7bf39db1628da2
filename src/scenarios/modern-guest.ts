/**
 * The usual guest with today's TLB code: `flush_tlb_multi`, lazy TLB mode, address spaces that come and go on a CPU, ASIDs
 * where the machine has PCIDs; on bare metal or on Hyper-V.
 */

import { UsageError } from '../core/errors.ts'
import { newHandleId } from '../core/plain.ts'
import type { ProfileName } from '../hypervisor/hyperv/partition.ts'
import { HypervHost } from '../hypervisor/hyperv-host.ts'
import { KvmHost } from '../hypervisor/kvm-host.ts'
import { XenHost } from '../hypervisor/xen-host.ts'
import { type HypervNowSetup, hypervBackend } from '../kernel/flush/hyperv.ts'
import { HYPERV_KERNELS, type HypervFacts, type HypervKernel } from '../kernel/flush/hyperv-rules.ts'
import { invlpgbMultiBackend } from '../kernel/flush/invlpgb-multi.ts'
import { kvmMultiBackend } from '../kernel/flush/kvm-multi.ts'
import { XEN_BUFFER_FIELDS } from '../kernel/flush/xen.ts'
import { xenMultiBackend } from '../kernel/flush/xen-multi.ts'
import type { TargetRule } from '../kernel/flush-rules.ts'
import type { FlushBackend, Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { cpuOnlineMask } from '../kernel/smp.ts'
import { declareSwitchState, SWITCH_RULES, type SwitchRules, type SwitchState } from '../kernel/switch-mm.ts'
import {
  declareFlushTlbFuncMulti,
  flushTlbMmRange,
  nativeMultiBackend,
  type TlbMulti,
  tlbMulti,
} from '../kernel/tlb-multi.ts'
import type { Level } from '../machine/entries.ts'
import type { GuestPage } from '../machine/hypercall.ts'
import { declareGuestPages } from '../machine/hypercall.ts'
import type { Machine } from '../machine/machine.ts'
import { buildGuest, type Guest, type GuestOptions } from './guest.ts'
import type { ScenarioOptions } from './scenario.ts'

/** Flush backends of today's TLB code. */
export const MODERN_BACKENDS = ['native', 'hyperv-now'] as const

export interface ModernOptions
  extends Pick<ScenarioOptions, 'cpus' | 'memoryModel' | 'levels' | 'profile' | 'free'>,
    Pick<GuestOptions, 'rcu' | 'frames' | 'machine'> {
  /** A name of {@link MODERN_BACKENDS}; `kvm-now`, `xen-now` and `invlpgb-now` are what the simulator replays recordings on. */
  readonly flush: string
  /** CPUs that run in the mm from the beginning; all by default. The others start in init_mm. */
  readonly loaded?: readonly number[]
  /** PCIDs in use; off by default. */
  readonly pcids?: number
  readonly switching?: Partial<SwitchRules>
  readonly targets?: TargetRule
  /** `ignored`: lazy CPUs are left out even of flushes that free tables. */
  readonly freedTables?: 'ignored'
  readonly hyperv?: HypervOptions
}

/** The Hyper-V backend: which kernel's, and what is unusual about the partition. */
export interface HypervOptions extends Pick<HypervNowSetup, 'cr3Of'>, Pick<HypervFacts, 'addressSpace'> {
  readonly kernel?: HypervKernel
  /** VP number of each CPU; CPU numbers by default. */
  readonly vpNumbers?: readonly number[]
  /** What the kernel believes them to be; the truth by default. */
  readonly knownVpNumbers?: readonly number[]
  readonly exProcessorMasks?: 'offered' | 'not-offered'
  /** CPUs without an input page. */
  readonly withoutInputPage?: readonly number[]
  /** What the frame at the given physical address holds for the hypervisor, if it is not the input page. */
  readonly atGivenAddress?: (mm: Mm, cpu: number) => readonly bigint[]
}

/** A guest, with what its switching code needs. */
export interface ModernGuest extends Guest {
  readonly switching: SwitchState
}

/** Builds it; the caller adds what the CPUs run. */
export function buildModernGuest(options: ModernOptions): ModernGuest {
  const level = options.levels as Level
  const { cpus, memoryModel, levels, free, profile } = options
  const plain = buildGuest({
    cpus,
    memoryModel,
    levels,
    // What boot chooses depends on the backend, which the base guest does not know.
    free: free === 'boot' ? (options.flush === 'native' ? 'immediate' : 'rcu') : free,
    profile,
    flush: 'native',
    frames: [
      { name: 'SWAPPER', table: [level], owner: { use: 'table', level, space: 'init_mm' } },
      ...(options.frames ?? []),
    ],
    machine: {
      ...(options.pcids !== undefined && { contexts: options.pcids }),
      ...(options.flush === 'invlpgb-now' && { invlpgb: true }),
      ...options.machine,
    },
    ...(options.rcu && { rcu: options.rcu }),
  })
  const { machine, mm } = plain
  const initMm = machine.addressSpace('init_mm', machine.frame('SWAPPER'))
  const loaded = options.loaded ?? machine.cpus.map((cpu) => cpu.id)
  const rules: SwitchRules = { ...SWITCH_RULES, ...options.switching }
  const switching = declareSwitchState(
    plain.kernel,
    initMm,
    (cpu) => (loaded.includes(cpu) ? mm : null),
    rules,
  )
  for (const cpu of machine.cpus) {
    if (loaded.includes(cpu.id)) continue
    const { loadedMm } = plain.kernel.tlbState[cpu.id]!
    machine.cells.setInitial(loadedMm.cell, loadedMm.encode(null))
    if (rules.previousBit === 'cleared') machine.cells.setInitial(mm.cpumask[cpu.id]!.cell, 0)
    machine.startIn(cpu, initMm)
  }

  const later: { kernel?: Kernel } = {}
  const tlb = tlbMulti({
    kernel: () => later.kernel as Kernel,
    switching,
    targets: options.targets ?? 'not-lazy',
    freedTables: options.freedTables ?? 'heeded',
  })
  const { backend, host = plain.host } = chooseBackend(machine, options, tlb, mm)
  later.kernel = {
    ...plain.kernel,
    handleId: newHandleId(),
    flushOp: machine.plainVariable<FlushBackend>('pv_ops.flush_tlb_multi', backend, ({ name }) => name),
    flushTlbFunc: declareFlushTlbFuncMulti(() => tlb),
    flushTlbMmRange: (cpu, of, start, end, freedTables) =>
      flushTlbMmRange(tlb, cpu, of, start, end, freedTables),
  }
  return { ...plain, handleId: newHandleId(), kernel: later.kernel, host, backend, switching }
}

function chooseBackend(
  machine: Machine,
  options: ModernOptions,
  tlb: TlbMulti,
  mm: Mm,
): Pick<Guest, 'backend'> & Partial<Pick<Guest, 'host'>> {
  switch (options.flush) {
    case 'native':
      return { backend: nativeMultiBackend(tlb) }
    case 'invlpgb-now':
      return { backend: invlpgbMultiBackend(tlb, 2) }
    case 'kvm-now': {
      const kvm = new KvmHost(machine)
      kvm.declarePreemption(1, machine.cpus.slice(1, 2))
      return { backend: kvmMultiBackend(tlb, kvm.preempted), host: kvm.host }
    }
    case 'xen-now': {
      const xen = new XenHost(machine)
      xen.declarePreemption(1, machine.cpus.slice(1, 2))
      const buffers = declareGuestPages(machine, 'multicall', XEN_BUFFER_FIELDS)
      return { backend: xenMultiBackend(tlb, { buffers, port: xen }), host: xen.host }
    }
  }
  if (options.flush !== 'hyperv-now') {
    throw new UsageError(
      `today's TLB code has no backend ${options.flush}; it has ${MODERN_BACKENDS.join(', ')}`,
    )
  }
  const { hyperv = {} } = options
  const vpNumbers = hyperv.vpNumbers ?? machine.cpus.map((cpu) => cpu.id)
  const port = new HypervHost(machine, options.profile as ProfileName, vpNumbers)
  const facts: HypervFacts = {
    present: cpuOnlineMask(machine),
    vpNumbers: hyperv.knownVpNumbers ?? vpNumbers,
    exProcessorMasks: hyperv.exProcessorMasks !== 'not-offered',
    ...(hyperv.addressSpace && { addressSpace: hyperv.addressSpace }),
  }
  const words = Math.max(...facts.vpNumbers) >= 64 ? exWords(facts) : WORDS
  const inputPages = declareGuestPages(machine, 'input', words)
  const backend = hypervBackend(tlb, {
    rules: HYPERV_KERNELS[hyperv.kernel ?? '6.12'],
    facts,
    inputPages: inputPages.map((page, cpu) => (hyperv.withoutInputPage?.includes(cpu) ? null : page)),
    ...(hyperv.atGivenAddress && {
      pagesAtGivenAddress: strangePages(machine, words, (cpu) => hyperv.atGivenAddress!(mm, cpu)),
    }),
    port,
    ...(hyperv.cr3Of && { cr3Of: hyperv.cr3Of }),
    ...(options.freedTables && { freedTables: options.freedTables }),
  })
  return { backend, host: port.runner.host }
}

/** Words of the input pages: header, one list element. */
const WORDS = ['address_space', 'flags', 'processor_mask', 'gva_list[0]']

function exWords({ vpNumbers }: HypervFacts): string[] {
  const banks = Math.max(...vpNumbers.filter((vp) => vp < 0xffff_ffff)) >> 6
  const contents = Array.from({ length: banks + 1 }, (_, bank) => `bank[${bank}]`)
  return ['address_space', 'flags', 'format', 'valid_bank_mask', ...contents, 'gva_list[0]']
}

/** Pages that are no input pages, with what stands in them. */
function strangePages(
  machine: Machine,
  words: readonly string[],
  contents: (cpu: number) => readonly bigint[],
): readonly GuestPage[] {
  const pages = declareGuestPages(machine, 'another page', words)
  for (const [cpu, page] of pages.entries()) {
    for (const [i, value] of contents(cpu).entries()) {
      const word = page.words[i]!
      machine.cells.setInitial(word.cell, word.encode(value))
    }
  }
  return pages
}
