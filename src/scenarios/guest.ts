/**
 * The usual guest of a scenario: one mm with one page in a table of its own, on every CPU; a flush backend with its
 * hypervisor, and a table-freeing policy.
 */

import { UsageError } from '../core/errors.ts'
import type { Plain } from '../core/plain.ts'
import { type Handle, newHandleId } from '../core/plain.ts'
import type { ProfileName } from '../hypervisor/hyperv/partition.ts'
import { HypervHost } from '../hypervisor/hyperv-host.ts'
import { KvmHost } from '../hypervisor/kvm-host.ts'
import { XenHost } from '../hypervisor/xen-host.ts'
import { fillGvaListLoop } from '../kernel/flush/gva-loops.ts'
import { type HypervSetup, hyperv2017Backend, inputPageFields } from '../kernel/flush/hyperv-2017.ts'
import { declareFlushChecks } from '../kernel/flush/interface-check.ts'
import { kvmBackend } from '../kernel/flush/kvm.ts'
import { nativeBackend } from '../kernel/flush/native.ts'
import { serializeBackend } from '../kernel/flush/serialize.ts'
import { XEN_BUFFER_FIELDS, xenBackend } from '../kernel/flush/xen.ts'
import { immediate } from '../kernel/free/immediate.ts'
import { ipiSync } from '../kernel/free/ipi-sync.ts'
import { type RcuTableFreeOptions, rcuTableFree, tlbRemoveTableRcu } from '../kernel/free/rcu.ts'
import type { FlushBackend, Kernel, TableFreePolicy } from '../kernel/kernel.ts'
import { declareMm, type Mm, mapInitially } from '../kernel/mm.ts'
import { declareSmp } from '../kernel/smp.ts'
import { declareFlushTlbFunc, declareTlbState } from '../kernel/tlb.ts'
import { type FrameRef, type Level, makeEntry } from '../machine/entries.ts'
import type { FrameSpec } from '../machine/frame-specs.ts'
import { staleGoals } from '../machine/goals.ts'
import { Host } from '../machine/host.ts'
import { declareGuestPages } from '../machine/hypercall.ts'
import { Machine } from '../machine/machine.ts'
import type { MachineOptions } from '../machine/machine-options.ts'
import { Rcu } from '../machine/rcu.ts'
import type { Variable } from '../machine/variables.ts'
import type { ScenarioOptions } from './scenario.ts'

/** The tracked address: index 1 at every level, so that each table has one word. */
export const V = 0x0000_0080_4020_1000n

/** Flush backends by name, with one line each. */
export const FLUSH_BACKENDS = ['native', 'hyperv', 'xen', 'kvm', 'serialize'] as const
/** Table-freeing policies by name. */
export const FREE_POLICIES = ['immediate', 'rcu', 'ipi-sync', 'boot'] as const

/** What {@link buildGuest} makes. */
export interface Guest extends Handle {
  readonly machine: Machine
  readonly kernel: Kernel
  readonly mm: Mm
  readonly page: FrameRef
  /** The host's side of guest and host mode; on bare metal it has no vectors and does nothing. */
  readonly host: Host
  /** What Hyper-V's boot code sets up; undefined on other hypervisors. */
  readonly boot?: BootState
  readonly backend: FlushBackend
}

/** `hv_hypercall_pg` and `pcpu_flush`: 0 until boot has made them. */
export interface BootState {
  readonly hypercallPage: Variable<number>
  readonly pcpuFlush: Variable<number>
}

function declareBootState(machine: Machine, value: 0 | 1): BootState {
  return {
    hypercallPage: machine.variable('hv_hypercall_pg', value),
    pcpuFlush: machine.variable('pcpu_flush', value),
  }
}

export interface GuestOptions
  extends Pick<ScenarioOptions, 'cpus' | 'memoryModel' | 'levels' | 'flush' | 'free' | 'profile'> {
  /** Whether RCU batches can always be allocated (default), and what the slow path does. */
  readonly rcu?: Pick<RcuTableFreeOptions, 'allocation' | 'slowPath'>
  /** vCPUs that the host may preempt once (Xen, KVM); CPU1 by default. */
  readonly preempted?: readonly number[]
  /** What the Hyper-V backend of the thread does differently from the patch. */
  readonly hyperv?: Pick<HypervSetup, 'bootChecks' | 'irqs'> & {
    readonly gvaList?: '2017' | '2019'
    readonly booted?: 'no'
  }
  /** More frames than the usual tables and page. */
  readonly frames?: readonly FrameSpec[]
  readonly machine?: Partial<MachineOptions>
  /**
   * The only CPU that calls others by IPI, makes hypercalls, or leaves guest mode otherwise of its own accord, where that is known.
   */
  readonly onlyCaller?: number
}

/** Names of the tables below the root, from the top down to level 1. */
function tableNames(levels: 4 | 5): string[] {
  return levels === 5 ? ['P4D', 'PUD', 'PMD', 'T'] : ['PUD', 'PMD', 'T']
}

/** The frames of one mm with one mapped page `X`, in a table `T` of its own. */
function usualFrames(levels: 4 | 5): FrameSpec[] {
  const tables = ['PGD', ...tableNames(levels)].map((name, depth): FrameSpec => {
    const level = (levels - depth) as Level
    return { name, table: [level], owner: { use: 'table', level, space: 'mm' } }
  })
  return [...tables, { name: 'X', owner: { use: 'data', space: 'mm' }, count: 1 }]
}

/** Builds machine, kernel, hypervisor and mm; the caller adds what the CPUs run. */
export function buildGuest(options: GuestOptions): Guest {
  const usesRcu = options.free === 'rcu' || (options.free === 'boot' && options.flush !== 'native')
  const machine = new Machine({
    cpus: options.cpus,
    memoryModel: options.memoryModel,
    levels: options.levels,
    track: [V],
    frames: [...usualFrames(options.levels), ...(options.frames ?? [])],
    rcuSlots: usesRcu ? 1 : 0,
    ...options.machine,
  })
  const everybody = machine.cpus.map((cpu) => cpu.id)
  const mm = declareMm(machine, 'mm', 'PGD', everybody)
  const page = machine.frame('X')
  const leaf = makeEntry(page, { writable: true, user: true, dirty: true })
  mapInitially(machine, mm, V, tableNames(options.levels), leaf)
  const rcu = machine.rcuSlots > 0 ? new Rcu(machine) : undefined
  const later: { kernel?: Kernel } = {}
  const kernel = () => later.kernel as Kernel
  const { backend, host, boot } = chooseBackend(machine, options, kernel)
  const early = options.hyperv?.booted === 'no' ? nativeBackend(kernel) : backend
  later.kernel = {
    handleId: newHandleId(),
    machine,
    smp: declareSmp(machine, options.onlyCaller),
    rcu,
    tlbState: declareTlbState(machine, () => mm),
    flushOp: machine.plainVariable<FlushBackend>('pv_ops.flush_tlb_others', early, ({ name }) => name),
    tableFree: machine.plainVariable<TableFreePolicy>(
      'pv_ops.tlb_remove_table',
      chooseFreePolicy(machine, options, rcu),
      ({ name }) => name,
    ),
    flushTlbFunc: declareFlushTlbFunc(kernel),
    checks: declareFlushChecks(machine),
  }
  describeGuest(machine)
  return {
    handleId: newHandleId(),
    machine,
    kernel: later.kernel,
    mm,
    page,
    host,
    backend,
    ...(boot && { boot }),
  }
}

/** Builds the backend of a name, with the hypervisor that serves it. */
export function chooseBackend(
  machine: Machine,
  options: Pick<GuestOptions, 'flush' | 'profile' | 'preempted' | 'hyperv' | 'onlyCaller'>,
  kernel: () => Kernel,
): Pick<Guest, 'host' | 'boot'> & { readonly backend: FlushBackend } {
  const preempted = (options.preempted ?? [1]).map((cpu) => machine.cpus[cpu]!)
  const onlyCaller = preempted.length === 0 ? options.onlyCaller : undefined
  switch (options.flush) {
    case 'native':
      return { backend: nativeBackend(kernel), host: new Host(machine) }
    case 'hyperv':
    case 'serialize': {
      const hyperv = new HypervHost(machine, options.profile as ProfileName, undefined, onlyCaller)
      if (machine.timed) hyperv.runner.declarePreemption(0, preempted)
      const booted = declareBootState(machine, options.hyperv?.booted === 'no' ? 0 : 1)
      const backend = hyperv2017Backend(kernel, {
        hypercallPage: booted.hypercallPage,
        pcpuFlush: booted.pcpuFlush,
        inputPages: declareGuestPages(machine, 'input', inputPageFields(1)),
        port: hyperv,
        fillGvaList: fillGvaListLoop(options.hyperv?.gvaList ?? '2017'),
        ...(options.hyperv?.bootChecks && { bootChecks: options.hyperv.bootChecks }),
        ...(options.hyperv?.irqs && { irqs: options.hyperv.irqs }),
      })
      const serialize = options.flush === 'serialize'
      return {
        backend: serialize ? serializeBackend(kernel, backend) : backend,
        host: hyperv.runner.host,
        boot: booted,
      }
    }
    case 'xen':
    case 'xen-naive': {
      const xen = new XenHost(machine, options.flush === 'xen' ? 'running' : 'all', onlyCaller)
      if (preempted.length > 0) xen.declarePreemption(1, preempted)
      const buffers = declareGuestPages(machine, 'multicall', XEN_BUFFER_FIELDS)
      return { backend: xenBackend(kernel, { buffers, port: xen }), host: xen.host }
    }
    case 'kvm': {
      const kvm = new KvmHost(machine)
      kvm.declarePreemption(1, preempted)
      const neverPreempted = machine.timed ? [] : kvm.neverPreempted
      return { backend: kvmBackend(kernel, kvm.preempted, neverPreempted), host: kvm.host }
    }
    default:
      throw new UsageError(
        `this scenario has no flush backend ${options.flush}; it has ${FLUSH_BACKENDS.join(', ')}`,
      )
  }
}

/** Builds the freeing policy of a name. */
export function chooseFreePolicy(
  machine: Machine,
  options: Pick<GuestOptions, 'flush' | 'free' | 'rcu'>,
  rcu: Rcu | undefined,
): TableFreePolicy {
  switch (options.free) {
    case 'immediate':
      return immediate
    case 'ipi-sync':
      return ipiSync
    case 'rcu':
      return rcuPolicy(machine, options, rcu!)
    case 'boot':
      // The thread's other option: tlb_remove_table as a pv op, so that bare metal keeps freeing at once.
      return options.flush === 'native' ? immediate : rcuPolicy(machine, options, rcu!)
    default:
      throw new RangeError(`no freeing policy is called ${options.free}`)
  }
}

function rcuPolicy(machine: Machine, options: Pick<GuestOptions, 'rcu'>, rcu: Rcu): TableFreePolicy {
  const callback = rcu.callback(function* tlbRemoveTableRcuCallback(batch: Plain) {
    yield* tlbRemoveTableRcu(machine, batch as readonly FrameRef[])
  })
  const chosen = options.rcu ?? { allocation: 'succeeds', slowPath: 'invalidates' }
  if (chosen.allocation === 'succeeds')
    machine.bounds.push('every batch of tables can be allocated (see rcu-batch-fails)')
  return rcuTableFree({ machine, callback, ...chosen })
}

/** What is worth a line beside a diagram: who holds stale entries, and which frames are free. */
function describeGuest(machine: Machine): void {
  machine.goals.push(...staleGoals(machine))
  machine.describers.push((memory) => machine.translations.describe(memory))
  machine.describers.push((memory) =>
    machine.options.frames.flatMap(({ name, owner }, frame) =>
      owner !== undefined && memory.get(machine.owner[frame]!) === 0 ? [`${name} is free`] : [],
    ),
  )
}
