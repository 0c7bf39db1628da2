import { describe, expect, it } from 'vitest'
import type { TraceEvent } from '../../src/trace/events.ts'
import { eventsOf } from './decode.ts'

/** The same event as the four printers write it. */
const PRINTERS: readonly (readonly [string, string])[] = [
  [
    'trace',
    '          <idle>-0       [002] d..2.     6.913477: tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'trace of an old kernel',
    '          <idle>-0     [002] d..2     6.913477: tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'trace with record-tgid',
    '          <idle>-0       (-----) [002] d..2.     6.913477: tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'trace without irq-info',
    '          <idle>-0       [002]     6.913477: tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'trace-cmd report',
    '          <idle>-0     [002]     6.913477: tlb_flush:            pages=-1 reason=flush on task switch (0)',
  ],
  [
    'trace-cmd report with flags',
    '          <idle>-0     [002] d..2.     6.913477: tlb_flush:            pages=-1 reason=flush on task switch (0)',
  ],
  [
    'trace-cmd report -t',
    '          <idle>-0     [002]     6.913477000: tlb_flush:            pages=-1 reason=flush on task switch (0)',
  ],
  [
    'perf script',
    '          <idle>     0 [002]     6.913477:                  tlb:tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'perf script -F +pid',
    '          <idle>     0/0     [002]     6.913477:      tlb:tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'perf script with the period',
    '          <idle>     0 [002]     6.913477:          1   tlb:tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
  [
    'perf script of a long comm',
    '<idle>     0 [002]     6.913477: tlb:tlb_flush: pages:-1 reason:flush on task switch (0)',
  ],
]

describe.each(PRINTERS)('a line of %s', (_, line) => {
  it('gives the event', () => {
    const [event] = eventsOf(`${line}\n`)
    expect(event).toMatchObject({
      kind: 'tlb_flush',
      pages: -1,
      reason: 0,
      at: { comm: '<idle>', pid: 0, cpu: 2, time: 6913477, line: 1 },
    })
  })
})

/** Fields of every event of the vocabulary, as `trace` prints them, with some as other tools do. */
const FIELDS: readonly (readonly [string, Partial<TraceEvent> & Record<string, unknown>])[] = [
  ['tlb_flush: pages:512 reason:remote ipi send (4)', { kind: 'tlb_flush', pages: 512, reason: 4 }],
  ['tlb_flush: pages=-1 reason= (4)', { kind: 'tlb_flush', pages: -1, reason: 4 }],
  [
    'flush_range: (flush_tlb_mm_range+0x0/0x170) mm=0xff48085dc0058b00 start=0x7ff2ec3bd000 end=0x7ff2ec3be000 stride=12 freed=1',
    {
      kind: 'flush_range',
      mm: '0xff48085dc0058b00',
      start: 0x7ff2ec3bd000,
      end: 0x7ff2ec3be000,
      stride: 12,
      freed: true,
    },
  ],
  [
    'multi: (native_flush_tlb_multi+0x0/0x100) mask=0xf mm=0xff start=0x0 end=0xffffffffffffffff gen=85 cpu=3 stride=12 freed=0',
    { kind: 'multi', mask: 15n, end: 2 ** 64, gen: 85, initiator: 3, freed: false },
  ],
  [
    'hv_multi: (hyperv_flush_tlb_multi+0x0/0x7e0) cpu=65 gen=0x55 freed=0 stride=21 end=0x200000 start=0x0 mm=0xff mask=0xfc00000000000000',
    { kind: 'hv_multi', mask: 0xfc00000000000000n, end: 0x200000, gen: 85, initiator: 65, stride: 21 },
  ],
  [
    'flush_func: (flush_tlb_func+0x0/0x1f0) mm=0xff start=0xffffc90000001000 end=0xffffc90000003000 gen=1 cpu=0 stride=12 freed=0',
    { kind: 'flush_func', start: 0xffffc90000001000, end: 0xffffc90000003000 },
  ],
  ['multi_ret: (flush_tlb_mm_range+0xf0/0x170 <- native_flush_tlb_multi)', { kind: 'multi_ret' }],
  ['call_function_entry: vector=252', { kind: 'call_function_entry', vector: 252 }],
  ['call_function_single_exit: vector=251', { kind: 'call_function_single_exit', vector: 251 }],
  ['reschedule_entry: vector=253', { kind: 'reschedule_entry', vector: 253 }],
  [
    'ipi_send_cpu: cpu=3 callsite=on_each_cpu_cond_mask+0x24/0x40 callback=0x0',
    { kind: 'ipi_send_cpu', target: 3, callsite: 'on_each_cpu_cond_mask+0x24/0x40', callback: '0x0' },
  ],
  [
    'ipi_send_cpumask: cpumask=00000001,00000000,0000000b callsite=on_each_cpu_cond_mask+0x24/0x40 callback=g+0x0/0x20',
    { kind: 'ipi_send_cpumask', targets: (1n << 64n) | 11n },
  ],
  ['ipi_raise: target_mask=00000000,00000002 (Function call interrupts)', { kind: 'ipi_raise', targets: 2n }],
  [
    'csd_queue_cpu: cpu=3 callsite=on_each_cpu_cond_mask+0x24/0x40 func=flush_tlb_func csd=0000000055813194',
    { kind: 'csd_queue_cpu', target: 3, func: 'flush_tlb_func', csd: '0000000055813194' },
  ],
  [
    'csd_function_entry: func=nohz_csd_func, csd=00000000ffd06ce3',
    { func: 'nohz_csd_func', csd: '00000000ffd06ce3' },
  ],
  ['page_fault_user: address=0x5eb998 ip=0x460d80 error_code=0x7', { address: 0x5eb998, errorCode: 7 }],
  [
    'page_fault_kernel: address=init_task ip=copy_user+0x4/0x9 error_code=0x0',
    { address: Number.NaN, errorCode: 0 },
  ],
  [
    'sys_munmap(addr: 7f4c68b3b000, len: 1000)',
    { kind: 'sys_enter_munmap', addr: 0x7f4c68b3b000, len: 0x1000 },
  ],
  ['sys_enter_munmap: addr: 0x7f4c68b3b000, len: 0x00001000', { kind: 'sys_enter_munmap', len: 0x1000 }],
  [
    'sys_mprotect(start: 4b5000, len: 4000, prot: 1)',
    { kind: 'sys_enter_mprotect', start: 0x4b5000, len: 0x4000, prot: 1 },
  ],
  [
    'sys_madvise(start: 7f415afd4000, len_in: 7fc000, behavior: 4)',
    { kind: 'sys_enter_madvise', len: 0x7fc000, behavior: 4 },
  ],
  [
    'sys_mremap(addr: 7f91, old_len: 20000, new_len: 40000, flags: 1, new_addr: 0)',
    { kind: 'sys_enter_mremap', addr: 0x7f91, oldLen: 0x20000, newLen: 0x40000, flags: 1 },
  ],
  ['sys_munmap -> 0x0', { kind: 'sys_exit_munmap', ret: 0 }],
  ['sys_mremap -> 0xfffffffffffffff4', { kind: 'sys_exit_mremap', ret: -12 }],
  ['sys_exit_mremap: 0x7f9192009000', { kind: 'sys_exit_mremap', ret: 0x7f9192009000 }],
  [
    'sched_switch: prev_comm=CPU 0/KVM prev_pid=187 prev_prio=120 prev_state=R+ ==> next_comm=a b==> c next_pid=2 next_prio=120',
    {
      kind: 'sched_switch',
      prevComm: 'CPU 0/KVM',
      prevPid: 187,
      prevState: 'R+',
      nextComm: 'a b==> c',
      nextPid: 2,
    },
  ],
  [
    'sched_switch: kworker/0:1:33 [120] I ==> swapper/0:0 [120]',
    {
      kind: 'sched_switch',
      prevComm: 'kworker/0:1',
      prevPid: 33,
      prevState: 'I',
      nextComm: 'swapper/0',
      nextPid: 0,
    },
  ],
  ['sched_migrate_task: comm=a pid=360 prio=120 orig_cpu=1 dest_cpu=0', { pid: 360, origCpu: 1, destCpu: 0 }],
  ['sched_process_fork: comm=init pid=1 child_comm=init child_pid=357', { pid: 1, childPid: 357 }],
  [
    'sched_process_exec: filename=/bin/a b pid=257 old_pid=258',
    { filename: '/bin/a b', pid: 257, oldPid: 258 },
  ],
  ['sched_process_exit: comm=wl pid=261 prio=120', { pid: 261 }],
  [
    'task_newtask: pid=357 comm=init clone_flags=1200000 oom_score_adj=0',
    { pid: 357, cloneFlags: 0x1200000 },
  ],
  [
    'xen_mmu_flush_tlb_multi: ncpus 4 mm 0000000047682cbd addr 7fb210023000, end 7fb210026000',
    { ncpus: 4, mm: '0000000047682cbd', start: 0x7fb210023000, end: 0x7fb210026000 },
  ],
  ['xen_mmu_flush_tlb_one_user: addr 5eb000', { addr: 0x5eb000 }],
  ['xen_mc_batch: start batch LAZY_MMU', { mode: 'LAZY_MMU' }],
  [
    'xen_mc_entry: op 26(mmuext_op) args [ffff88806cb9ead0, 1, 0, 7ff0, 0, 0]',
    { op: 26, args: [0xffff88806cb9ead0n, 1n, 0n, 0x7ff0n, 0n, 0n] },
  ],
  [
    'xen_mc_flush: flushing 1 hypercalls, 32 arg bytes, 0 callbacks',
    { hypercalls: 1, argBytes: 32, callbacks: 0 },
  ],
  [
    'hyperv_mmu_flush_tlb_multi: ncpus 2 mm 00ec addr 0, end ffffffffffffffff',
    { ncpus: 2, start: 0, end: 2 ** 64 },
  ],
  ['hyperv_send_ipi_one: cpu 0 vector fb', { target: 0, vector: 0xfb }],
  ['hyperv_send_ipi_mask: ncpus 3 vector fc', { ncpus: 3, vector: 0xfc }],
  ['hyperv_nested_flush_guest_mapping: address space 1f000 ret 0', { addressSpace: 0x1f000n, ret: 0 }],
  [
    'kvm_hv_hypercall: code 0x3 slow var_cnt 0x0 rep_cnt 0x1 idx 0x0 in 0x3f1d000 out 0x0',
    { code: 3, fast: false, varCnt: 0, repCnt: 1, repIdx: 0, in: 0x3f1d000n, out: 0n },
  ],
  [
    'kvm_hv_hypercall: code 0xb fast var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0xfb out 0x1',
    { code: 11, fast: true },
  ],
  ['kvm_hv_hypercall_done: result 0x100000000', { result: 0x100000000n }],
  [
    'kvm_hv_flush_tlb: processor_mask 0x7 address_space 0x5bb2000 flags 0x0 ',
    { processorMask: 7n, addressSpace: 0x5bb2000n, flags: 0n },
  ],
  [
    'kvm_hv_flush_tlb_ex: valid_bank_mask 0x3 format 0x0 address_space 0x254fe000 flags 0x4 ',
    { validBankMask: 3n, format: 0n, addressSpace: 0x254fe000n, flags: 4n },
  ],
  ['kvm_hv_send_ipi: vector fb processor_mask 0x1', { vector: 0xfb, processorMask: 1n }],
  [
    'kvm_hv_send_ipi_ex: vector fb format 0 valid_bank_mask 0x3',
    { vector: 0xfb, format: 0n, validBankMask: 3n },
  ],
  ['kvm_pv_tlb_flush: vcpu 3 need_flush_tlb true', { vcpu: 3, needFlush: true }],
  [
    'kvm_hypercall: nr 0xb a0 0x0 a1 0xffffffff82a1aa40 a2 0x0 a3 0x4',
    { nr: 11n, args: [0n, 0xffffffff82a1aa40n, 0n, 4n] },
  ],
  ['kvm_vcpu_wakeup: wait time 38246876 ns, polling valid', { nanoseconds: 38246876 }],
  ['reqall: (kvm_make_all_cpus_request+0x4/0x140 [kvm]) req=0x328', { request: 0x328 }],
  ['reqmask: (kvm_make_vcpus_request_mask+0x4/0x120 [kvm]) req=0x328 mask=0x7', { request: 0x328, mask: 7n }],
  ['vflush: (kvm_hv_vcpu_flush_tlb+0x4/0x180 [kvm])', { kind: 'vflush' }],
  [
    'vflush_ret: (vcpu_run+0xb4a/0x12c0 [kvm] <- kvm_hv_vcpu_flush_tlb) ret=-28',
    { kind: 'vflush_ret', ret: -28 },
  ],
]

describe('the fields of an event', () => {
  it.each(FIELDS)('%s', (text, fields) => {
    const [ftrace] = eventsOf(`            task-7       [001] d..2.   106.458314: ${text}\n`)
    expect(ftrace).toMatchObject(fields)
    if (text.startsWith('sys_') && !text.includes('sys_e')) return
    const [perf] = eventsOf(`            task     7 [001]   106.458314:  group:${text}\n`)
    expect(perf).toMatchObject(fields)
  })
})
