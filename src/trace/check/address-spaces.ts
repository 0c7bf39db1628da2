import type { TraceEvent } from '../events.ts'

/** An address space, named by the pointer that probes print once one has shown it. */
export interface Space {
  mm: string | undefined
  /** Begun while the recording ran: it has nothing to do with earlier bearers of its pointer. */
  readonly fresh: boolean
  /** The line that began it; 0 when it is older than the recording. */
  readonly born: number
  /** Tasks on it; without any its pointer may come to bear another. */
  users: number
  /** It turned out to be this one. */
  same?: Space
}

/** `kernel`: a kernel thread, which has no address space; `unknown` until the recording shows it. */
export type TaskKind = 'kernel' | 'user' | 'unknown'

interface TaskFacts {
  kind: TaskKind
  space: Space
  /** It has left its address space on its way to exec or exit. */
  renewed: boolean
}

const CLONE_VM = 0x100
const TASKS = 65_536
/** Kernel threads that every kernel has, by name: a recording need not show anything else of them. */
const KERNEL_THREADS =
  /^(swapper|kthreadd|kworker|ksoftirqd|migration|rcu|khugepaged|kcompactd|kswapd|cpuhp|kauditd|oom_reaper|writeback|watchdog|khungtaskd|ksmd|jbd2|kblockd|kdevtmpfs|irq)([/_\d]|$)/

/**
 * Which task runs on which address space. Events name tasks, probes name address spaces, and only some events have
 * both; clone, exec and exit tell the rest.
 */
export class AddressSpaces {
  readonly #tasks = new Map<number, TaskFacts>()
  readonly #byPointer = new Map<string, Space>()
  readonly #onEnd: (mm: string) => void

  /** @param onEnd is told of each pointer whose address space has lost its last task */
  constructor(onEnd: (mm: string) => void = () => {}) {
    this.#onEnd = onEnd
  }

  /** Takes an event that tells about tasks. */
  add(event: TraceEvent): void {
    switch (event.kind) {
      case 'task_newtask':
        this.#newTask(event.at.pid, event.pid, (event.cloneFlags & CLONE_VM) !== 0, event.at.line)
        break
      case 'sched_process_exec': {
        const task = this.#task(event.pid, event.at.comm)
        if (!task.renewed) this.#leave(task, fresh(event.at.line))
        task.renewed = false
        task.kind = 'user'
        break
      }
      case 'sched_process_exit':
        this.#exit(event.pid, event.at.line)
        break
      case 'page_fault_user':
      case 'sys_enter_munmap':
      case 'sys_enter_mprotect':
      case 'sys_enter_madvise':
      case 'sys_enter_mremap':
        this.#task(event.at.pid, event.at.comm).kind = 'user'
        break
      default:
    }
  }

  kind(pid: number, comm: string): TaskKind {
    return this.#task(pid, comm).kind
  }

  /** A context switch to this task loaded another address space: it has one. */
  hasSpace(pid: number, comm: string): void {
    const task = this.#task(pid, comm)
    if (task.kind === 'unknown') task.kind = 'user'
  }

  /** The task's address space; meaningless for kernel threads. */
  of(pid: number, comm: string): Space {
    const task = this.#task(pid, comm)
    task.space = resolve(task.space)
    return task.space
  }

  /** The task goes over to a new address space (`exec` is under way). */
  renew(pid: number, comm: string, line: number): Space {
    const task = this.#task(pid, comm)
    this.#leave(task, fresh(line))
    task.renewed = true
    return task.space
  }

  /** The address space that bears this pointer now. */
  named(mm: string): Space {
    const known = this.#byPointer.get(mm)
    if (known !== undefined) return resolve(known)
    const space: Space = { mm, fresh: false, born: 0, users: 0 }
    this.#byPointer.set(mm, space)
    return space
  }

  /** The address space at this pointer, if it began while the recording ran. */
  freshNamed(mm: string): Space | undefined {
    const bearer = this.#byPointer.get(mm)
    const space = bearer === undefined ? undefined : resolve(bearer)
    return space?.fresh === true ? space : undefined
  }

  /**
   * Whether a CPU that has `space` loaded has this pointer's address space loaded; undefined when it cannot be told:
   * a space without a name may turn out to be that one.
   */
  isNamed(space: Space | 'init' | undefined, mm: string): boolean | undefined {
    if (space === 'init') return false
    if (space === undefined) return undefined
    const one = resolve(space)
    const bearer = this.#byPointer.get(mm)
    if (bearer === undefined) return one.mm === undefined ? undefined : one.mm === mm && one.users > 0
    if (resolve(bearer) === one) return true
    return one.mm !== undefined || one.fresh ? false : undefined
  }

  /**
   * A probe shows that `space` is at this pointer.
   *
   * @returns `reused` when another address space had the pointer before
   */
  bind(space: Space, mm: string): 'known' | 'named' | 'reused' | 'contradiction' {
    const one = resolve(space)
    if (one.mm === mm) return 'known'
    if (one.mm !== undefined) return 'contradiction'
    const other = this.#byPointer.get(mm)
    one.mm = mm
    if (other !== undefined && (resolve(other).users === 0 || !one.fresh)) {
      // Nobody was known to run on what had the pointer, or this one may well be it.
      this.merge(resolve(other), one)
      this.#byPointer.set(mm, resolve(one))
      return 'named'
    }
    this.#byPointer.set(mm, one)
    return other === undefined ? 'named' : 'reused'
  }

  /** Both turn out to be one. */
  merge(one: Space, other: Space): void {
    const [a, b] = [resolve(one), resolve(other)]
    if (a === b) return
    const [kept, gone] = b.mm === undefined ? [a, b] : [b, a]
    gone.same = kept
    kept.users += gone.users
  }

  #newTask(parent: number, child: number, sharesSpace: boolean, line: number): void {
    if (this.#tasks.size >= TASKS) this.#tasks.clear()
    const kernel = parent === 2 || parent === 0
    const space = sharesSpace && !kernel ? resolve(this.#task(parent, '').space) : fresh(line)
    space.users++
    this.#tasks.set(child, { kind: kernel ? 'kernel' : 'user', space, renewed: false })
  }

  #leave(task: TaskFacts, next: Space): void {
    const old = resolve(task.space)
    old.users--
    if (old.users <= 0 && old.mm !== undefined && this.#byPointer.get(old.mm) === old) {
      this.#byPointer.delete(old.mm)
      this.#onEnd(old.mm)
    }
    next.users++
    task.space = next
  }

  #exit(pid: number, line: number): void {
    const task = this.#tasks.get(pid)
    if (task === undefined) return
    this.#leave(task, fresh(line))
    this.#tasks.delete(pid)
  }

  #task(pid: number, comm: string): TaskFacts {
    let task = this.#tasks.get(pid)
    if (task === undefined) {
      if (this.#tasks.size >= TASKS) this.#tasks.clear()
      const kernel = pid === 0 || pid === 2 || KERNEL_THREADS.test(comm)
      task = {
        kind: kernel ? 'kernel' : 'unknown',
        space: { mm: undefined, fresh: false, born: 0, users: 1 },
        renewed: false,
      }
      this.#tasks.set(pid, task)
    }
    return task
  }
}

function fresh(born: number): Space {
  return { mm: undefined, fresh: true, born, users: 0 }
}

/** The space itself, or the one that it turned out to be. */
export function resolve(space: Space): Space {
  let one = space
  while (one.same !== undefined) one = one.same
  return one
}
