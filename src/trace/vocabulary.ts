import type { Cursor } from './cursor.ts'
import type { EventKind, TraceEvent, Where } from './events.ts'
import * as flush from './parse/flush.ts'
import * as guest from './parse/guest.ts'
import * as interrupt from './parse/interrupt.ts'
import * as kvm from './parse/kvm.ts'
import * as task from './parse/task.ts'

/** Reads the fields of one event; the cursor says afterwards whether they were all there. */
export type EventParser = (fields: Cursor, at: Where) => TraceEvent

/** Names of the same events in other kernels: until 5.12 the multi flushes of Xen and Hyper-V are those of "others". */
export const OTHER_NAMES: readonly (readonly [string, EventKind])[] = [
  ['xen_mmu_flush_tlb_others', 'xen_mmu_flush_tlb_multi'],
  ['xen_mmu_flush_tlb_single', 'xen_mmu_flush_tlb_one_user'],
  ['hyperv_mmu_flush_tlb_others', 'hyperv_mmu_flush_tlb_multi'],
]

/** The parser of every event of the vocabulary. A new event is a type in events.ts, a parser and a line here. */
export const VOCABULARY: { readonly [K in EventKind]: EventParser } = {
  tlb_flush: flush.tlbFlush,
  flush_range: flush.flushRange,
  flush_func: flush.flushFunc,
  multi: flush.flushMulti('multi'),
  xen_multi: flush.flushMulti('xen_multi'),
  hv_multi: flush.flushMulti('hv_multi'),
  kvm_multi: flush.flushMulti('kvm_multi'),
  multi_ret: flush.flushMultiReturn('multi_ret'),
  xen_multi_ret: flush.flushMultiReturn('xen_multi_ret'),
  hv_multi_ret: flush.flushMultiReturn('hv_multi_ret'),
  kvm_multi_ret: flush.flushMultiReturn('kvm_multi_ret'),

  call_function_entry: interrupt.irqVector('call_function_entry'),
  call_function_exit: interrupt.irqVector('call_function_exit'),
  call_function_single_entry: interrupt.irqVector('call_function_single_entry'),
  call_function_single_exit: interrupt.irqVector('call_function_single_exit'),
  reschedule_entry: interrupt.irqVector('reschedule_entry'),
  reschedule_exit: interrupt.irqVector('reschedule_exit'),
  ipi_send_cpu: interrupt.ipiSendCpu,
  ipi_send_cpumask: interrupt.ipiSendCpumask,
  ipi_raise: interrupt.ipiRaise,
  csd_queue_cpu: interrupt.csdQueueCpu,
  csd_function_entry: interrupt.csdFunction('csd_function_entry'),
  csd_function_exit: interrupt.csdFunction('csd_function_exit'),
  page_fault_user: interrupt.pageFault('page_fault_user'),
  page_fault_kernel: interrupt.pageFault('page_fault_kernel'),

  sys_enter_munmap: task.sysMunmap,
  sys_enter_mprotect: task.sysMprotect,
  sys_enter_madvise: task.sysMadvise,
  sys_enter_mremap: task.sysMremap,
  sys_exit_munmap: task.sysExit('sys_exit_munmap'),
  sys_exit_mprotect: task.sysExit('sys_exit_mprotect'),
  sys_exit_madvise: task.sysExit('sys_exit_madvise'),
  sys_exit_mremap: task.sysExit('sys_exit_mremap'),
  sched_switch: task.schedSwitch,
  sched_migrate_task: task.schedMigrateTask,
  sched_process_fork: task.schedProcessFork,
  sched_process_exec: task.schedProcessExec,
  sched_process_exit: task.schedProcessExit,
  task_newtask: task.taskNewtask,

  xen_mmu_flush_tlb_multi: guest.xenFlushMulti,
  xen_mmu_flush_tlb_one_user: guest.xenFlushOne,
  xen_mc_batch: guest.xenMcMode('xen_mc_batch'),
  xen_mc_issue: guest.xenMcMode('xen_mc_issue'),
  xen_mc_entry: guest.xenMcEntry,
  xen_mc_flush: guest.xenMcFlush,
  hyperv_mmu_flush_tlb_multi: guest.hypervFlushMulti,
  hyperv_send_ipi_one: guest.hypervSendIpiOne,
  hyperv_send_ipi_mask: guest.hypervSendIpiMask,
  hyperv_nested_flush_guest_mapping: guest.hypervNestedFlush('hyperv_nested_flush_guest_mapping'),
  hyperv_nested_flush_guest_mapping_range: guest.hypervNestedFlush('hyperv_nested_flush_guest_mapping_range'),

  kvm_hv_hypercall: kvm.kvmHvHypercall,
  kvm_hv_hypercall_done: kvm.kvmHvHypercallDone,
  kvm_hv_flush_tlb: kvm.kvmHvFlushTlb,
  kvm_hv_flush_tlb_ex: kvm.kvmHvFlushTlbEx,
  kvm_hv_send_ipi: kvm.kvmHvSendIpi,
  kvm_hv_send_ipi_ex: kvm.kvmHvSendIpiEx,
  kvm_pv_tlb_flush: kvm.kvmPvTlbFlush,
  kvm_hypercall: kvm.kvmHypercall,
  kvm_vcpu_wakeup: kvm.kvmVcpuWakeup,
  reqall: kvm.requestAll,
  reqmask: kvm.requestMask,
  vflush: kvm.vcpuFlush,
  vflush_ret: kvm.vcpuFlushReturn,
}
