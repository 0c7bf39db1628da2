/**
 * The events that a recording may hold, as one union discriminated by `kind`. A `kind` is the event's own name
 * in ftrace, without its group; field names are the kernel's. `sys_munmap(...)` and `sys_munmap -> 0x0` of
 * ftrace text, which other tools print as `sys_enter_munmap` and `sys_exit_munmap`, have the latter names.
 *
 * Numbers: an address is a `number` that is exact to its page (see `Cursor.address`), so that a flush range is
 * always exact; {@link TLB_FLUSH_ALL} is the end of a flush of everything. CPU masks and hypercall arguments
 * are `bigint`. An mm is the text that the event printed for it: two events speak of one mm only when both
 * print raw pointers (probes) or both print hashed ones (`%p` of tracepoints).
 */

/** Where and when an event was recorded. */
export interface Where {
  /** Line of the recording, from 1. */
  readonly line: number
  /** Microseconds of a decimal clock (`mono`, `local`, ...), or cycles of an integer one (`x86-tsc`). */
  readonly time: number
  readonly cpu: number
  readonly pid: number
  readonly comm: string
  /** ftrace's flag characters (`d.h1.`): irqs-off, need-resched, context, preempt depth; '' where none are printed. */
  readonly flags: string
}

/** CPUs that Linux can be built for; a larger number in a recording is damage. */
export const MAX_CPUS = 8192

/** `TLB_FLUSH_ALL`: the `end` of a flush of the whole address space, all ones in 64 bits. */
export const TLB_FLUSH_ALL = 2 ** 64

/** `tlb_flush`'s reasons, by their numbers (`enum tlb_flush_reason`). */
export const FLUSH_REASONS = [
  'flush on task switch',
  'remote shootdown',
  'local shootdown',
  'local mm shootdown',
  'remote ipi send',
  'remote wrong CPU',
] as const

/** Index into {@link FLUSH_REASONS}; 5 since 209954cbc7d0 (6.14): a CPU was asked that has left the mm. */
export type FlushReason = 0 | 1 | 2 | 3 | 4 | 5

/** What `flush_tlb_info` holds, as the probes print it. `start`, `end` in bytes; `end` may be {@link TLB_FLUSH_ALL}. */
export interface FlushFields {
  readonly mm: string
  readonly start: number
  readonly end: number
  /** log2 of the bytes of one entry: 12 = 4 KiB, 21 = 2 MiB. */
  readonly stride: number
  /** Page tables are freed after this flush. */
  readonly freed: boolean
}

/** {@link FlushFields} once the kernel has given the flush its generation. */
export interface FlushInfo extends FlushFields {
  /** The mm's TLB generation of this flush. */
  readonly gen: number
  /** The CPU that asked for the flush. */
  readonly initiator: number
}

interface Event<K extends string> {
  readonly kind: K
  readonly at: Where
}

/** `pages` is -1 for a full flush. */
export interface TlbFlush extends Event<'tlb_flush'> {
  readonly pages: number
  readonly reason: FlushReason
}

/** The flush was asked for: entry of `flush_tlb_mm_range`. */
export interface FlushRange extends Event<'flush_range'>, FlushFields {}

/** A CPU executes one flush: entry of `flush_tlb_func`. */
export interface FlushFunc extends Event<'flush_func'>, FlushInfo {}

/** Entry of the remote flush of a backend. */
export interface FlushMulti extends Event<'multi' | 'xen_multi' | 'hv_multi' | 'kvm_multi'>, FlushInfo {
  /** Word 0 (CPUs 0 to 63) of the live mm_cpumask, the initiator included. */
  readonly mask: bigint
}

/** Return of the remote flush of a backend. */
export interface FlushMultiReturn
  extends Event<'multi_ret' | 'xen_multi_ret' | 'hv_multi_ret' | 'kvm_multi_ret'> {}

export interface IrqVector
  extends Event<
    | 'call_function_entry'
    | 'call_function_exit'
    | 'call_function_single_entry'
    | 'call_function_single_exit'
    | 'reschedule_entry'
    | 'reschedule_exit'
  > {
  readonly vector: number
}

export interface IpiSendCpu extends Event<'ipi_send_cpu'> {
  readonly target: number
  readonly callsite: string
  readonly callback: string
}

export interface IpiSendCpumask extends Event<'ipi_send_cpumask'> {
  readonly targets: bigint
  readonly callsite: string
  readonly callback: string
}

/** `target_mask` of `ipi_raise`, the arm-style name of the same thing. */
export interface IpiRaise extends Event<'ipi_raise'> {
  readonly targets: bigint
}

export interface CsdQueueCpu extends Event<'csd_queue_cpu'> {
  readonly target: number
  readonly callsite: string
  readonly func: string
  readonly csd: string
}

export interface CsdFunction extends Event<'csd_function_entry' | 'csd_function_exit'> {
  readonly func: string
  readonly csd: string
}

export interface PageFault extends Event<'page_fault_user' | 'page_fault_kernel'> {
  readonly address: number
  /** Bits: 1 present (a protection fault), 2 write, 4 user, 8 reserved, 16 instruction fetch. */
  readonly errorCode: number
}

export interface SysMunmap extends Event<'sys_enter_munmap'> {
  readonly addr: number
  readonly len: number
}

export interface SysMprotect extends Event<'sys_enter_mprotect'> {
  readonly start: number
  readonly len: number
  readonly prot: number
}

export interface SysMadvise extends Event<'sys_enter_madvise'> {
  readonly start: number
  readonly len: number
  readonly behavior: number
}

export interface SysMremap extends Event<'sys_enter_mremap'> {
  readonly addr: number
  readonly oldLen: number
  readonly newLen: number
  readonly flags: number
}

/** `ret` is negative for an error. */
export interface SysExit
  extends Event<'sys_exit_munmap' | 'sys_exit_mprotect' | 'sys_exit_madvise' | 'sys_exit_mremap'> {
  readonly ret: number
}

export interface SchedSwitch extends Event<'sched_switch'> {
  readonly prevComm: string
  readonly prevPid: number
  /** `R`, `S`, `D`, ... */
  readonly prevState: string
  readonly nextComm: string
  readonly nextPid: number
}

export interface SchedMigrateTask extends Event<'sched_migrate_task'> {
  readonly pid: number
  readonly origCpu: number
  readonly destCpu: number
}

export interface SchedProcessFork extends Event<'sched_process_fork'> {
  readonly pid: number
  readonly childPid: number
}

export interface SchedProcessExec extends Event<'sched_process_exec'> {
  readonly filename: string
  readonly pid: number
  readonly oldPid: number
}

export interface SchedProcessExit extends Event<'sched_process_exit'> {
  readonly pid: number
}

export interface TaskNewtask extends Event<'task_newtask'> {
  readonly pid: number
  /** Bit 0x100, CLONE_VM: the new task shares the mm of its parent. */
  readonly cloneFlags: number
}

export interface XenFlushMulti extends Event<'xen_mmu_flush_tlb_multi'> {
  readonly ncpus: number
  readonly mm: string
  readonly start: number
  readonly end: number
}

export interface XenFlushOne extends Event<'xen_mmu_flush_tlb_one_user'> {
  readonly addr: number
}

export interface XenMcMode extends Event<'xen_mc_batch' | 'xen_mc_issue'> {
  /** `LAZY_NONE`, `LAZY_MMU`, `LAZY_CPU`. */
  readonly mode: string
}

export interface XenMcEntry extends Event<'xen_mc_entry'> {
  readonly op: number
  readonly args: readonly bigint[]
}

export interface XenMcFlush extends Event<'xen_mc_flush'> {
  readonly hypercalls: number
  readonly argBytes: number
  readonly callbacks: number
}

export interface HypervFlushMulti extends Event<'hyperv_mmu_flush_tlb_multi'> {
  readonly ncpus: number
  readonly mm: string
  readonly start: number
  readonly end: number
}

export interface HypervSendIpiOne extends Event<'hyperv_send_ipi_one'> {
  readonly target: number
  readonly vector: number
}

export interface HypervSendIpiMask extends Event<'hyperv_send_ipi_mask'> {
  readonly ncpus: number
  readonly vector: number
}

export interface HypervNestedFlush
  extends Event<'hyperv_nested_flush_guest_mapping' | 'hyperv_nested_flush_guest_mapping_range'> {
  readonly addressSpace: bigint
  readonly ret: number
}

/** A Hyper-V hypercall as KVM sees it; `in`, `out` are guest physical addresses, or the input itself when fast. */
export interface KvmHvHypercall extends Event<'kvm_hv_hypercall'> {
  readonly code: number
  readonly fast: boolean
  readonly varCnt: number
  readonly repCnt: number
  readonly repIdx: number
  readonly in: bigint
  readonly out: bigint
}

export interface KvmHvHypercallDone extends Event<'kvm_hv_hypercall_done'> {
  readonly result: bigint
}

export interface KvmHvFlushTlb extends Event<'kvm_hv_flush_tlb'> {
  readonly processorMask: bigint
  readonly addressSpace: bigint
  readonly flags: bigint
}

export interface KvmHvFlushTlbEx extends Event<'kvm_hv_flush_tlb_ex'> {
  readonly validBankMask: bigint
  readonly format: bigint
  readonly addressSpace: bigint
  readonly flags: bigint
}

export interface KvmHvSendIpi extends Event<'kvm_hv_send_ipi'> {
  readonly vector: number
  readonly processorMask: bigint
}

export interface KvmHvSendIpiEx extends Event<'kvm_hv_send_ipi_ex'> {
  readonly vector: number
  readonly format: bigint
  readonly validBankMask: bigint
}

/** A vCPU enters the guest and looks whether a flush was left for it. */
export interface KvmPvTlbFlush extends Event<'kvm_pv_tlb_flush'> {
  readonly vcpu: number
  readonly needFlush: boolean
}

export interface KvmHypercall extends Event<'kvm_hypercall'> {
  readonly nr: bigint
  readonly args: readonly bigint[]
}

export interface KvmVcpuWakeup extends Event<'kvm_vcpu_wakeup'> {
  readonly nanoseconds: number
}

/** Probe on `kvm_make_all_cpus_request`. */
export interface RequestAll extends Event<'reqall'> {
  readonly request: number
}

/** Probe on `kvm_make_vcpus_request_mask`; `mask` is word 0 (vCPUs 0 to 63). */
export interface RequestMask extends Event<'reqmask'> {
  readonly request: number
  readonly mask: bigint
}

/** Probe on `kvm_hv_vcpu_flush_tlb`: the thread's vCPU starts the flushes left for it. */
export interface VcpuFlush extends Event<'vflush'> {}

/** Its return: 0 = the listed addresses, -28 (ENOSPC) = the whole TLB. */
export interface VcpuFlushReturn extends Event<'vflush_ret'> {
  readonly ret: number
}

/** Every event of the vocabulary. */
export type TraceEvent =
  | TlbFlush
  | FlushRange
  | FlushFunc
  | FlushMulti
  | FlushMultiReturn
  | IrqVector
  | IpiSendCpu
  | IpiSendCpumask
  | IpiRaise
  | CsdQueueCpu
  | CsdFunction
  | PageFault
  | SysMunmap
  | SysMprotect
  | SysMadvise
  | SysMremap
  | SysExit
  | SchedSwitch
  | SchedMigrateTask
  | SchedProcessFork
  | SchedProcessExec
  | SchedProcessExit
  | TaskNewtask
  | XenFlushMulti
  | XenFlushOne
  | XenMcMode
  | XenMcEntry
  | XenMcFlush
  | HypervFlushMulti
  | HypervSendIpiOne
  | HypervSendIpiMask
  | HypervNestedFlush
  | KvmHvHypercall
  | KvmHvHypercallDone
  | KvmHvFlushTlb
  | KvmHvFlushTlbEx
  | KvmHvSendIpi
  | KvmHvSendIpiEx
  | KvmPvTlbFlush
  | KvmHypercall
  | KvmVcpuWakeup
  | RequestAll
  | RequestMask
  | VcpuFlush
  | VcpuFlushReturn

/** The names of the vocabulary. */
export type EventKind = TraceEvent['kind']
