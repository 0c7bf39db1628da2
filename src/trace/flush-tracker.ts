import {
  type FlushFunc,
  type FlushInfo,
  type FlushMulti,
  type FlushRange,
  MAX_CPUS,
  type SchedSwitch,
  TLB_FLUSH_ALL,
  type TraceEvent,
  type Where,
} from './events.ts'
import type { Backend, Flush, Handling, LostExecution, RemoteFlush, Running, Switch } from './flush.ts'
import { weight } from './tally.ts'

const BACKENDS: Readonly<Record<FlushMulti['kind'], Backend>> = {
  multi: 'native',
  xen_multi: 'xen',
  hv_multi: 'hyperv',
  kvm_multi: 'kvm',
}

/** Tasks whose requests are kept; beyond, the oldest is taken for one that came to nothing. */
const TASKS = 65_536
const LOST_KEPT = 10_000
/** IPI handlers do not nest deeper; where their exits are lost, the innermost are kept. */
const NESTING = 8

/** What wants to know more than the finished flushes, in the order of each CPU's events. */
export interface FlushHooks {
  /** Takes each context switch once it is known whether it flushed. */
  readonly onSwitch?: (step: Switch) => void
  /** Takes each execution of `flush_tlb_func` once its outcome is known. */
  readonly onExecution?: (handling: Handling, info: FlushInfo) => void
  /** An execution whose probe was lost. */
  readonly onLost?: (lost: LostExecution) => void
  /** A remote flush has returned to its initiator. */
  readonly onReturn?: (flush: Flush) => void
}

/** What is known of one CPU. */
class CpuState {
  /** The last remote flush that this CPU asked for; kept until its next one, for handlers that come late. */
  remote: Flush | undefined
  /** IPI handlers that this CPU is in, the innermost last. */
  readonly interrupts: ('call_function' | 'call_function_single')[] = []
  /** A `flush_tlb_func` whose outcome is not known yet. */
  handling: Handling | undefined
  /** What it was asked. */
  info: FlushInfo | undefined
  handlingFlush: Flush | undefined
  /** A flush of the own CPU that is over, unless others follow: until 5.12 the own CPU came first. */
  local: Flush | undefined
  /** The last context switch. */
  switched: Switch | undefined
}

/**
 * Puts the events of a recording with probes together into flushes. A remote flush looks like this, and its
 * parts are told apart by CPU, mm and generation:
 *
 *     initiator                                    target
 *     flush_range            the request
 *     multi                  mask, generation
 *     tlb_flush (4)          sent
 *     ipi_send_*, csd_queue_cpu                    call_function_entry
 *     flush_func, cpu=self   local part            flush_func, cpu=initiator
 *     tlb_flush (3)                                tlb_flush (1), or (0) if it was lazy, or none
 *     multi_ret                                    call_function_exit
 *
 * A request belongs to its task, which may be preempted and migrated before it flushes; from `multi` to
 * `multi_ret` preemption is off, so a CPU has one remote flush at a time. Memory is bounded by CPUs and tasks.
 */
export class FlushTracker {
  /** Executions whose probe was lost, the first ten thousand. */
  readonly lost: LostExecution[] = []
  readonly #cpus: CpuState[] = []
  readonly #tasks: (Running | undefined)[] = []
  readonly #requests = new Map<number, FlushRange>()
  readonly #hooks: FlushHooks
  #done: Flush[] = []

  constructor(hooks: FlushHooks = {}) {
    this.#hooks = hooks
  }

  /** Whether the CPU is inside an IPI handler or a `flush_tlb_func`, as far as its events tell. */
  inHandler(cpu: number): boolean {
    const state = this.#cpus[cpu]
    return state !== undefined && (state.handling !== undefined || state.interrupts.length > 0)
  }

  /** Takes the next event; returns the flushes that it completes. */
  add(event: TraceEvent): readonly Flush[] {
    if (this.#done.length > 0) this.#done = []
    const cpu = this.#cpu(event.at.cpu)
    if (cpu.local !== undefined && !isRemote(event)) this.#releaseLocal(cpu)
    switch (event.kind) {
      case 'flush_range':
        this.#request(event)
        break
      case 'flush_func':
        this.#execute(event, cpu)
        break
      case 'multi':
      case 'xen_multi':
      case 'hv_multi':
      case 'kvm_multi':
        this.#remote(event, cpu)
        break
      case 'multi_ret':
        this.#settle(cpu, 'nothing')
        if (cpu.remote?.remote?.backend === 'native') this.#returned(cpu.remote, event.at)
        break
      case 'xen_multi_ret':
      case 'hv_multi_ret':
      case 'kvm_multi_ret':
        if (cpu.remote !== undefined) this.#returned(cpu.remote, event.at)
        break
      case 'tlb_flush':
        this.#flushed(event.reason, event.pages, event.at, cpu)
        break
      case 'xen_mmu_flush_tlb_multi':
      case 'hyperv_mmu_flush_tlb_multi':
      case 'csd_queue_cpu':
      case 'ipi_send_cpu':
      case 'ipi_send_cpumask':
        this.#send(event, cpu)
        break
      case 'call_function_entry':
        this.#interrupt(cpu, 'call_function')
        break
      case 'call_function_single_entry':
        this.#interrupt(cpu, 'call_function_single')
        break
      case 'call_function_exit':
      case 'call_function_single_exit':
        this.#settle(cpu, 'nothing')
        cpu.interrupts.pop()
        break
      case 'sched_switch':
        this.#settle(cpu, 'nothing')
        cpu.interrupts.length = 0
        this.#switch(event, cpu)
        this.#tasks[event.at.cpu] = { pid: event.nextPid, comm: event.nextComm }
        break
      case 'sched_process_exit':
        this.#abandon(event.pid)
        break
      default:
    }
    return this.#done
  }

  /** The recording has ended: returns the flushes that were still open. */
  finish(): readonly Flush[] {
    this.#done = []
    for (const pid of [...this.#requests.keys()]) this.#abandon(pid)
    for (const cpu of this.#cpus) this.#settle(cpu, 'unknown')
    for (const cpu of this.#cpus) this.#releaseLocal(cpu)
    for (const cpu of this.#cpus) this.#release(cpu)
    for (const cpu of this.#cpus) if (cpu.switched !== undefined) this.#hooks.onSwitch?.(cpu.switched)
    return this.#done
  }

  #cpu(number: number): CpuState {
    for (let i = this.#cpus.length; i <= number; i++) this.#cpus.push(new CpuState())
    return this.#cpus[number]!
  }

  #interrupt(cpu: CpuState, context: 'call_function' | 'call_function_single'): void {
    if (cpu.interrupts.length === NESTING) cpu.interrupts.shift()
    cpu.interrupts.push(context)
  }

  #request(event: FlushRange): void {
    this.#abandon(event.at.pid)
    if (this.#requests.size >= TASKS) this.#abandon(this.#requests.keys().next().value ?? 0)
    this.#requests.set(event.at.pid, event)
  }

  /** The task's last request came to nothing: nobody had the mm loaded. */
  #abandon(pid: number): void {
    const request = this.#requests.get(pid)
    if (request === undefined) return
    this.#requests.delete(pid)
    this.#done.push({ request, tasks: this.#snapshot() })
  }

  #take(pid: number, mm: string): FlushRange | undefined {
    const request = this.#requests.get(pid)
    if (request?.mm !== mm) return undefined
    this.#requests.delete(pid)
    return request
  }

  #remote(event: FlushMulti, cpu: CpuState): void {
    this.#settle(cpu, 'nothing')
    const open = cpu.remote?.remote
    if (event.kind === 'multi' && open?.backend === 'kvm' && open.returned === undefined) {
      open.nativeMask = event.mask
      return
    }
    this.#release(cpu)
    const { mask, mm, start, end, gen, initiator, stride, freed } = event
    const before = cpu.local?.info?.mm === mm && cpu.local.info.gen === gen ? cpu.local : undefined
    if (before === undefined) this.#releaseLocal(cpu)
    cpu.local = undefined
    const request = before?.request ?? this.#take(event.at.pid, mm)
    const remote: RemoteFlush = {
      at: event.at,
      backend: BACKENDS[event.kind],
      mask,
      queued: [],
      interrupted: 0n,
      handlers: [],
    }
    const info = { mm, start, end, gen, initiator, stride, freed }
    cpu.remote = {
      ...(request && { request }),
      info,
      ...(before?.local && { local: before.local }),
      remote,
      tasks: this.#snapshot(),
    }
  }

  /** A remote flush is complete when its CPU starts another. */
  #release(cpu: CpuState): void {
    if (cpu.remote === undefined) return
    this.#done.push(cpu.remote)
    cpu.remote = undefined
  }

  #releaseLocal(cpu: CpuState): void {
    if (cpu.local !== undefined) this.#done.push(cpu.local)
    cpu.local = undefined
  }

  #returned(flush: Flush, at: Where): void {
    if (flush.remote === undefined || flush.remote.returned !== undefined) return
    flush.remote.returned = at
    this.#hooks.onReturn?.(flush)
  }

  #execute(event: FlushFunc, cpu: CpuState): void {
    this.#settle(cpu, 'nothing')
    const { mm, start, end, gen, initiator, stride, freed, at } = event
    const own = initiator === at.cpu
    const sender = this.#cpu(initiator).remote
    const sent = sender?.info?.mm === mm && sender.info.gen === gen ? sender : undefined
    const handling: Handling = {
      at,
      context: own ? 'initiator' : (cpu.interrupts.at(-1) ?? 'no interrupt'),
      outcome: 'unknown',
      afterReturn: sent?.remote?.returned !== undefined,
    }
    cpu.handling = handling
    cpu.info = { mm, start, end, gen, initiator, stride, freed }
    if (!own) {
      if (sent?.remote !== undefined && sent.remote.handlers.length < MAX_CPUS) {
        sent.remote.handlers.push(handling)
      }
      return
    }
    if (sent !== undefined && !handling.afterReturn) {
      sent.local = handling
      return
    }
    const request = this.#take(at.pid, mm)
    cpu.handlingFlush = {
      ...(request && { request }),
      info: cpu.info,
      local: handling,
      tasks: this.#snapshot(),
    }
  }

  #flushed(reason: number, pages: number, at: TraceEvent['at'], cpu: CpuState): void {
    if (reason === 4) {
      const remote = cpu.remote?.remote
      if (remote !== undefined && remote.returned === undefined) remote.sent = { at, pages }
      return
    }
    const handling = cpu.handling
    if (handling === undefined) {
      const context = cpu.interrupts.at(-1)
      if (reason === 1 || (reason === 0 && context !== undefined)) {
        const outcome = reason === 0 ? 'left mm' : 'flushed'
        const lost: LostExecution = { at, context: context ?? 'no interrupt', pages, outcome }
        if (this.lost.length < LOST_KEPT) this.lost.push(lost)
        this.#hooks.onLost?.(lost)
      } else if (reason === 0 && cpu.switched !== undefined) cpu.switched.flushed = true
      return
    }
    if (reason === 5) {
      // Another mm is loaded: nothing was flushed, and the CPU has taken itself out of the mask.
      this.#settle(cpu, 'nothing')
      return
    }
    handling.pages = pages
    handling.done = at
    this.#settle(cpu, reason === 0 ? 'left mm' : 'flushed')
  }

  /** The CPU's open execution has this outcome. */
  #settle(cpu: CpuState, outcome: Handling['outcome']): void {
    if (cpu.handling === undefined) return
    cpu.handling.outcome = outcome
    if (cpu.info !== undefined) this.#hooks.onExecution?.(cpu.handling, cpu.info)
    cpu.handling = undefined
    this.#releaseLocal(cpu)
    cpu.local = cpu.handlingFlush
    cpu.handlingFlush = undefined
  }

  #send(event: TraceEvent, cpu: CpuState): void {
    const remote = cpu.remote?.remote
    if (remote === undefined || remote.returned !== undefined) return
    switch (event.kind) {
      case 'xen_mmu_flush_tlb_multi':
      case 'hyperv_mmu_flush_tlb_multi':
        remote.paravirtual = { at: event.at, ncpus: event.ncpus, start: event.start, end: event.end }
        break
      case 'csd_queue_cpu':
        if (event.func.startsWith('flush_tlb_func') && remote.queued.length < MAX_CPUS) {
          remote.queued.push(event.target)
        }
        break
      case 'ipi_send_cpu':
        if (event.callsite.startsWith('on_each_cpu_cond_mask'))
          remote.interrupted |= 1n << BigInt(event.target)
        break
      case 'ipi_send_cpumask':
        if (event.callsite.startsWith('on_each_cpu_cond_mask')) remote.interrupted |= event.targets
        break
      default:
    }
  }

  #switch(event: SchedSwitch, cpu: CpuState): void {
    if (cpu.switched !== undefined) this.#hooks.onSwitch?.(cpu.switched)
    cpu.switched = {
      at: event.at,
      prev: { pid: event.prevPid, comm: event.prevComm },
      next: { pid: event.nextPid, comm: event.nextComm },
      flushed: false,
    }
  }

  #snapshot(): readonly (Running | undefined)[] {
    return this.#tasks.slice()
  }
}

/** Entry of a remote flush. */
function isRemote(event: TraceEvent): event is FlushMulti {
  return event.kind in BACKENDS
}

/** Whether a range is flushed as a whole: more entries than the ceiling, or no range at all. */
export function exceedsCeiling(start: number, end: number, stride: number, ceiling: number): boolean {
  return end === TLB_FLUSH_ALL || (end - start) / 2 ** stride > ceiling
}

/** CPUs of a mask that ran the idle task. */
export function idleCount(flush: Flush, mask: bigint): number {
  let idle = 0n
  flush.tasks.forEach((task, cpu) => {
    if (task?.pid === 0) idle |= 1n << BigInt(cpu)
  })
  return weight(idle & mask)
}
