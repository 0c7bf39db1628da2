/**
 * Grace periods of one guest under the clock. A period ends when it has lasted as long as the cost model says, and every vCPU
 * has been seen outside read-side sections since it began; callbacks that come meanwhile wait for the next one.
 */
import type { Task } from '../core/operation.ts'
import { call } from '../core/task.ts'
import type { CallRcu } from './operations.ts'
import { spend } from './operations.ts'

interface Waiting {
  readonly op: CallRcu
  readonly cpu: number
  readonly since: number
}

/** How often an overdue period looks again, in nanoseconds: a tick. */
const TICK = 1e6

export class GracePeriods {
  private next: Waiting[] = []
  private current: Waiting[] = []
  private open: Set<number> | undefined
  /** Pages that wait now, and most that did. */
  waiting = 0
  peak = 0
  periods = 0
  callbacks = 0
  /** Sum over pages of the time that each waited. */
  pageNanoseconds = 0
  longest = 0
  private begun = 0

  /** A callback is queued. Gives when the period ends, if one begins now. */
  queue(op: CallRcu, cpu: number, now: number, cpus: number, length: number): number | undefined {
    this.next.push({ op, cpu, since: now })
    this.callbacks++
    this.waiting += pagesOf(op)
    this.peak = Math.max(this.peak, this.waiting)
    return this.open === undefined ? this.begin(now, cpus, length) : undefined
  }

  private begin(now: number, cpus: number, length: number): number {
    this.current = this.next
    this.next = []
    this.open = new Set(Array.from({ length: cpus }, (_, cpu) => cpu))
    this.begun = now
    return now + length
  }

  /**
   * The period is due.
   *
   * @returns when to look again, and the callbacks that may run now, by CPU
   */
  due(
    now: number,
    cpus: number,
    length: number,
    callback: number,
    quiescent: (cpu: number) => boolean,
  ): { readonly again: number | undefined; readonly ready: ReadonlyMap<number, Task<unknown>> } {
    for (const cpu of this.open ?? []) if (quiescent(cpu)) this.open?.delete(cpu)
    if ((this.open?.size ?? 0) > 0) return { again: now + TICK, ready: new Map() }
    this.periods++
    this.longest = Math.max(this.longest, now - this.begun)
    const byCpu = new Map<number, Waiting[]>()
    for (const waiting of this.current) {
      const pages = pagesOf(waiting.op)
      this.waiting -= pages
      this.pageNanoseconds += pages * (now - waiting.since)
      const list = byCpu.get(waiting.cpu) ?? []
      list.push(waiting)
      byCpu.set(waiting.cpu, list)
    }
    const ready = new Map([...byCpu].map(([cpu, list]) => [cpu, runCallbacks(list, callback)]))
    this.current = []
    this.open = undefined
    return { again: this.next.length > 0 ? this.begin(now, cpus, length) : undefined, ready }
  }
}

/** Pages that a callback will free: the length of its batch. */
function pagesOf({ argument }: CallRcu): number {
  return Array.isArray(argument) ? argument.length : 1
}

/** `rcu_do_batch()`. */
function* runCallbacks(list: readonly Waiting[], cost: number): Task<void> {
  for (const { op } of list) {
    yield* spend(cost, 'rcu')
    yield* call(op.callback.run, op.argument)
  }
}
