import type { Cursor } from '../cursor.ts'
import type {
  SchedMigrateTask,
  SchedProcessExec,
  SchedProcessExit,
  SchedProcessFork,
  SchedSwitch,
  SysExit,
  SysMadvise,
  SysMprotect,
  SysMremap,
  SysMunmap,
  TaskNewtask,
  Where,
} from '../events.ts'
import { FIELD } from '../fields.ts'

/**
 * `prev_comm=A prev_pid=1 prev_prio=120 prev_state=S ==> next_comm=B next_pid=2 next_prio=120`, or as
 * trace-cmd and perf print it with their plug-in: `A:1 [120] S ==> B:2 [120]`.
 */
export function schedSwitch(c: Cursor, at: Where): SchedSwitch {
  if (!c.startsWith('prev_comm=')) return schedSwitchOfPlugin(c, at)
  const prevComm = c.textUntil(FIELD.prev_comm, FIELD.prev_pid)
  const prevPid = c.int(FIELD.prev_pid)
  const prevState = c.word(FIELD.prev_state)
  const nextComm = c.textUntil(FIELD.next_comm, FIELD.next_pid)
  return { kind: 'sched_switch', at, prevComm, prevPid, prevState, nextComm, nextPid: c.int(FIELD.next_pid) }
}

const PLUGIN_SWITCH = /^(.*):(\d+) \[-?\d+\] (\S+) ==> (.*):(\d+) \[-?\d+\]$/

function schedSwitchOfPlugin(c: Cursor, at: Where): SchedSwitch {
  const match = PLUGIN_SWITCH.exec(c.rest())
  if (match === null) c.failed = true
  const [, prevComm = '', prevPid = '', prevState = '', nextComm = '', nextPid = ''] = match ?? []
  return {
    kind: 'sched_switch',
    at,
    prevComm,
    prevPid: Number(prevPid),
    prevState,
    nextComm,
    nextPid: Number(nextPid),
  }
}

/** `comm=wl_munmap pid=360 prio=120 orig_cpu=1 dest_cpu=0` */
export function schedMigrateTask(c: Cursor, at: Where): SchedMigrateTask {
  const pid = c.int(FIELD.pid)
  return {
    kind: 'sched_migrate_task',
    at,
    pid,
    origCpu: c.cpu(FIELD.orig_cpu),
    destCpu: c.cpu(FIELD.dest_cpu),
  }
}

/** `comm=init pid=1 child_comm=init child_pid=357` */
export function schedProcessFork(c: Cursor, at: Where): SchedProcessFork {
  const pid = c.int(FIELD.pid)
  return { kind: 'sched_process_fork', at, pid, childPid: c.int(FIELD.child_pid) }
}

/** `filename=/bin/wl_munmap pid=257 old_pid=257` */
export function schedProcessExec(c: Cursor, at: Where): SchedProcessExec {
  const filename = c.textUntil(FIELD.filename, FIELD.pid)
  const pid = c.int(FIELD.pid)
  return { kind: 'sched_process_exec', at, filename, pid, oldPid: c.int(FIELD.old_pid) }
}

/** `comm=wl_munmap pid=261 prio=120` */
export function schedProcessExit(c: Cursor, at: Where): SchedProcessExit {
  return { kind: 'sched_process_exit', at, pid: c.int(FIELD.pid) }
}

/** `pid=357 comm=init clone_flags=1200000 oom_score_adj=0` */
export function taskNewtask(c: Cursor, at: Where): TaskNewtask {
  const pid = c.int(FIELD.pid)
  return { kind: 'task_newtask', at, pid, cloneFlags: c.hex(FIELD.clone_flags) }
}

/** `addr: 7f4c68b3b000, len: 1000` */
export function sysMunmap(c: Cursor, at: Where): SysMunmap {
  const addr = c.address(FIELD.addr)
  return { kind: 'sys_enter_munmap', at, addr, len: c.address(FIELD.len) }
}

/** `start: 4b5000, len: 4000, prot: 1` */
export function sysMprotect(c: Cursor, at: Where): SysMprotect {
  const start = c.address(FIELD.start)
  return { kind: 'sys_enter_mprotect', at, start, len: c.address(FIELD.len), prot: c.hex(FIELD.prot) }
}

/** `start: .., len_in: .., behavior: 4` */
export function sysMadvise(c: Cursor, at: Where): SysMadvise {
  const start = c.address(FIELD.start)
  return {
    kind: 'sys_enter_madvise',
    at,
    start,
    len: c.address(FIELD.len_in),
    behavior: c.hex(FIELD.behavior),
  }
}

/** `addr: .., old_len: 4000, new_len: 8000, flags: 1, new_addr: 0` */
export function sysMremap(c: Cursor, at: Where): SysMremap {
  const addr = c.address(FIELD.addr)
  const oldLen = c.address(FIELD.old_len)
  const newLen = c.address(FIELD.new_len)
  return { kind: 'sys_enter_mremap', at, addr, oldLen, newLen, flags: c.hex(FIELD.flags) }
}

/** `-> 0x0`, or `0x0` */
export function sysExit<K extends SysExit['kind']>(kind: K) {
  return (c: Cursor, at: Where): SysExit => ({ kind, at, ret: c.result() })
}
