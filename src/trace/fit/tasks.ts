import type { TaskNewtask } from '../events.ts'

const CLONE_VM = 0x100
const CLONE_VFORK = 0x4000

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

  /** The group of a task; one of its own for a task that is older than the recording. */
  group(pid: number): MmGroup {
    const known = this.#groups.get(pid)
    if (known !== undefined) return known
    const group: MmGroup = { live: 1, peak: 1 }
    this.#groups.set(pid, group)
    return group
  }

  created(event: TaskNewtask): void {
    const { pid, cloneFlags } = event
    if ((cloneFlags & CLONE_VM) === 0 || (cloneFlags & CLONE_VFORK) !== 0) {
      this.#groups.set(pid, { live: 1, peak: 1 })
      return
    }
    const group = this.group(event.at.pid)
    group.live++
    group.peak = Math.max(group.peak, group.live)
    this.#groups.set(pid, group)
  }

  executed(pid: number): void {
    this.exited(pid)
    this.#groups.set(pid, { live: 1, peak: 1 })
  }

  exited(pid: number): void {
    const group = this.#groups.get(pid)
    if (group === undefined) return
    group.live--
    this.#groups.delete(pid)
  }
}
