import type { TaskNewtask } from '../events.ts'

const CLONE_VM = 0x100
const CLONE_VFORK = 0x4000
/** Bounds memory on damaged recordings; pid_max is below it but on the largest machines. */
const TASKS = 1_000_000

/** Tasks that share an address space. */
export interface MmGroup {
  live: number
  /** Most tasks at a time. */
  peak: number
}

/**
 * Which tasks share an address space. Recordings name no mm outside of probes; clone with CLONE_VM shares it, exec
 * leaves it. A child of vfork borrows it until its exec and is not counted as a thread.
 */
export class Tasks {
  readonly #groups = new Map<number, MmGroup>()
  readonly #exiting = new Set<number>()

  #set(pid: number, group: MmGroup): MmGroup {
    if (this.#groups.size >= TASKS) this.#groups.clear()
    this.#groups.set(pid, group)
    return group
  }

  /** The group of a task; one of its own for a task that is older than the recording. */
  group(pid: number): MmGroup {
    const known = this.#groups.get(pid)
    if (known !== undefined) return known
    return this.#set(pid, { live: 1, peak: 1 })
  }

  created(event: TaskNewtask): void {
    const { pid, cloneFlags } = event
    if ((cloneFlags & CLONE_VM) === 0 || (cloneFlags & CLONE_VFORK) !== 0) {
      this.#set(pid, { live: 1, peak: 1 })
      return
    }
    const group = this.group(event.at.pid)
    group.live++
    group.peak = Math.max(group.peak, group.live)
    this.#set(pid, group)
  }

  executed(pid: number): void {
    const group = this.#groups.get(pid)
    if (group !== undefined) group.live--
    this.#set(pid, { live: 1, peak: 1 })
  }

  /** The task has left its address space; it runs on until it is switched away from for good. */
  exited(pid: number): void {
    const group = this.#groups.get(pid)
    if (group === undefined) return
    group.live--
    if (this.#exiting.size >= TASKS) this.#exiting.clear()
    this.#exiting.add(pid)
  }

  /** The task has been switched away from and waits: whether that was its end, and it is forgotten. */
  gone(pid: number): boolean {
    if (!this.#exiting.delete(pid)) return false
    this.#groups.delete(pid)
    return true
  }
}
