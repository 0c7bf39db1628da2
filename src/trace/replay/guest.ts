/**
 * The guest that a recording is replayed on: today's TLB code with an mm for each recorded address space, none of them loaded
 * at the beginning, on a backend with its hypervisor. Which CPUs are in which mask comes of the replayed context switches.
 */
import type { Task } from '../../core/operation.ts'
import { newHandleId } from '../../core/plain.ts'
import { call } from '../../core/task.ts'
import type { ProfileName } from '../../hypervisor/hyperv/partition.ts'
import { HypervHost } from '../../hypervisor/hyperv-host.ts'
import { KvmHost } from '../../hypervisor/kvm-host.ts'
import { XenHost } from '../../hypervisor/xen-host.ts'
import { hypervBackend } from '../../kernel/flush/hyperv.ts'
import { HYPERV_KERNELS, type HypervKernel } from '../../kernel/flush/hyperv-rules.ts'
import { declareFlushChecks } from '../../kernel/flush/interface-check.ts'
import { invlpgbMultiBackend } from '../../kernel/flush/invlpgb-multi.ts'
import { kvmMultiBackend } from '../../kernel/flush/kvm-multi.ts'
import { XEN_BUFFER_FIELDS } from '../../kernel/flush/xen.ts'
import { xenMultiBackend, xenPvFlush } from '../../kernel/flush/xen-multi.ts'
import type { FlushTlbInfo } from '../../kernel/flush-info.ts'
import { type FlushBackend, type Kernel, named, type TableFreePolicy } from '../../kernel/kernel.ts'
import { declareMm, type Mm } from '../../kernel/mm.ts'
import { cpuOnlineMask, declareSmp } from '../../kernel/smp.ts'
import { declareSwitchState, type SwitchState } from '../../kernel/switch-mm.ts'
import { declareTlbState } from '../../kernel/tlb.ts'
import {
  declareFlushTlbFuncMulti,
  flushTlbMmRange,
  nativeMultiBackend,
  type PvFlush,
  type TlbMulti,
  tlbMulti,
} from '../../kernel/tlb-multi.ts'
import type { FrameSpec } from '../../machine/frame-specs.ts'
import {
  type CallRegisters,
  declareGuestPages,
  type HypercallOutcome,
  type HypercallPort,
} from '../../machine/hypercall.ts'
import { type Cpu, Machine } from '../../machine/machine.ts'
import type { Variable } from '../../machine/variables.ts'
import { chooseFreePolicy } from '../../scenarios/guest.ts'
import { TimedRcu } from '../../simulate/operations.ts'

/** Backends that a recording can be replayed on. */
export const REPLAY_BACKENDS = ['native', 'hyperv', 'xen', 'kvm', 'invlpgb'] as const
export type ReplayBackend = (typeof REPLAY_BACKENDS)[number]

/** ASIDs of a CPU: TLB_NR_DYN_ASIDS. */
const ASIDS = 6
/** Page-table pages that may wait to be freed at the same time, for each CPU. */
const SPARE_TABLES = 64

export interface ReplayGuestOptions {
  readonly cpus: number
  readonly spaces: number
  readonly flush: ReplayBackend
  readonly free: string
  readonly profile: string
  /** Whose rules the Hyper-V backend follows. */
  readonly kernel: HypervKernel
  readonly invlpgbThreshold: number
}

export interface ReplayGuest {
  readonly machine: Machine
  readonly kernel: Kernel
  readonly switching: SwitchState
  readonly mms: readonly Mm[]
  /** Names of each CPU's spare tables. */
  readonly tables: readonly string[][]
  readonly counts: GuestCounts
  /** Per CPU: it sleeps, where the hypervisor makes a difference of it. */
  readonly halted?: readonly Variable<number>[]
}

/** What a guest has done beside its scripts. */
export interface GuestCounts {
  /** Calls of the hypervisor. */
  hypercalls: number
  /** By CPU: whether its last flush had other CPUs in the mask, 0 or 1. */
  readonly remote: Uint8Array
}

export function buildReplayGuest(options: ReplayGuestOptions): ReplayGuest {
  const { cpus } = options
  const tables = Array.from({ length: cpus }, (_, cpu) =>
    Array.from({ length: SPARE_TABLES }, (_, i) => `T${cpu}.${i}`),
  )
  const machine = new Machine({
    cpus,
    memoryModel: 'sc',
    levels: 4,
    track: [],
    frames: framesOf(options.spaces, tables.flat()),
    contexts: ASIDS,
    timed: true,
  })
  const initMm = machine.addressSpace('init_mm', machine.frame('SWAPPER'))
  for (const cpu of machine.cpus) machine.startIn(cpu, initMm)
  const mms = Array.from({ length: options.spaces }, (_, s) => declareMm(machine, `mm${s}`, `PGD${s}`, []))
  const switching = declareSwitchState({ machine }, initMm, () => null)
  const counts: GuestCounts = { hypercalls: 0, remote: new Uint8Array(cpus) }
  const later: { kernel?: Kernel } = {}
  const { backend, pvFlush, halted } = chooseBackend(machine, options, counts)
  const tlb = tlbMulti({
    kernel: () => later.kernel as Kernel,
    switching,
    targets: 'not-lazy',
    freedTables: 'heeded',
    ...(pvFlush && { pvFlush }),
  })
  const rcu = new TimedRcu(machine)
  later.kernel = {
    handleId: newHandleId(),
    machine,
    smp: declareSmp(machine),
    rcu,
    tlbState: declareTlbState(machine, () => null),
    flushOp: machine.plainVariable<FlushBackend>('pv_ops.flush_tlb_multi', noting(backend(tlb), counts)),
    tableFree: machine.plainVariable<TableFreePolicy>(
      'pv_ops.tlb_remove_table',
      chooseFreePolicy(machine, options, rcu),
    ),
    flushTlbFunc: declareFlushTlbFuncMulti(() => tlb),
    checks: declareFlushChecks(machine),
    flushTlbMmRange: (cpu, mm, start, end, freed) => flushTlbMmRange(tlb, cpu, mm, start, end, freed),
  }
  return { machine, kernel: later.kernel, switching, mms, tables, counts, ...(halted && { halted }) }
}

function framesOf(spaces: number, tables: readonly string[]): FrameSpec[] {
  const root = (name: string, space: string): FrameSpec => ({
    name,
    table: [4],
    owner: { use: 'table', level: 4, space },
  })
  return [
    root('SWAPPER', 'init_mm'),
    ...Array.from({ length: spaces }, (_, s) => root(`PGD${s}`, `mm${s}`)),
    ...tables.map((name): FrameSpec => ({ name, table: [1] })),
  ]
}

/** A backend with its hypervisor. */
interface Choice {
  readonly backend: (tlb: TlbMulti) => FlushBackend
  readonly pvFlush?: PvFlush
  readonly halted?: readonly Variable<number>[]
}

function chooseBackend(machine: Machine, options: ReplayGuestOptions, counts: GuestCounts): Choice {
  const everybody = machine.cpus
  switch (options.flush) {
    case 'native':
      return { backend: nativeMultiBackend }
    case 'invlpgb':
      return { backend: (tlb) => invlpgbMultiBackend(tlb, options.invlpgbThreshold) }
    case 'kvm': {
      const halted = machine.perCpu('halted')
      const kvm = new KvmHost(machine, halted)
      kvm.declarePreemption(1, everybody)
      return { backend: (tlb) => kvmMultiBackend(tlb, kvm.preempted), halted }
    }
    case 'xen': {
      const xen = new XenHost(machine)
      xen.declarePreemption(1, everybody)
      const buffers = declareGuestPages(machine, 'multicall', XEN_BUFFER_FIELDS)
      const setup = { buffers, port: counted(xen, counts) }
      return { backend: (tlb) => xenMultiBackend(tlb, setup), pvFlush: xenPvFlush(setup) }
    }
    case 'hyperv': {
      const hyperv = new HypervHost(machine, options.profile as ProfileName)
      hyperv.runner.declarePreemption(0, everybody)
      const setup = {
        rules: HYPERV_KERNELS[options.kernel],
        facts: {
          present: cpuOnlineMask(machine),
          vpNumbers: everybody.map((cpu) => cpu.id),
          exProcessorMasks: true,
        },
        inputPages: declareGuestPages(machine, 'input', inputWords(options.cpus)),
        port: counted(hyperv, counts),
      }
      return { backend: (tlb) => hypervBackend(tlb, setup) }
    }
  }
}

/** Header, banks where VP numbers need an Ex call, and one list element, which covers up to 4096 pages. */
function inputWords(cpus: number): string[] {
  if (cpus <= 64) return ['address_space', 'flags', 'processor_mask', 'gva_list[0]']
  const banks = Array.from({ length: Math.ceil(cpus / 64) }, (_, bank) => `bank[${bank}]`)
  return ['address_space', 'flags', 'format', 'valid_bank_mask', ...banks, 'gva_list[0]']
}

/** A backend, with a note of each CPU whose flush comes to it: others are in the mask. */
function noting(backend: FlushBackend, { remote }: GuestCounts): FlushBackend {
  return named({
    name: backend.name,
    flushTlbOthers: function* flushTlbMulti(cpu: Cpu, info: FlushTlbInfo): Task<void> {
      remote[cpu.id] = 1
      yield* call(backend.flushTlbOthers, cpu, info)
    },
  })
}

/** A hypervisor, with its calls counted. */
function counted(port: HypercallPort, counts: GuestCounts): HypercallPort {
  return {
    *vmcall(cpu: Cpu, registers: CallRegisters): Task<HypercallOutcome> {
      counts.hypercalls++
      return yield* port.vmcall(cpu, registers)
    },
  }
}
