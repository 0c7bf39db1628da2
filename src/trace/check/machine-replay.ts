import { MAX_CPUS, type SchedSwitch, type TraceEvent, type Where } from '../events.ts'
import { AddressSpaces, resolve } from './address-spaces.ts'
import { CpuReplay } from './cpu-replay.ts'
import { type Bounds, Generations } from './generations.ts'

/** Flushes of no particular mm (batched unmaps) are of whatever is loaded. */
export function isNoMm(mm: string): boolean {
  return /^0x0+$/.test(mm)
}

/** A context switch of which it is not yet known whether it flushed. */
interface PendingSwitch {
  readonly event: SchedSwitch
  /** The generations of the address spaces may have moved on when the switch reads one. */
  readonly shown: (mm: string) => Bounds | undefined
}

/**
 * What each CPU has loaded, replayed from context switches, exits and execs: the inputs of flush decisions that no
 * probe prints. A switch that loads another address space flushes (reason 0) and takes over the mm's generation; one
 * that does not flush stays on the same.
 */
export class MachineReplay {
  readonly generations = new Generations()
  readonly spaces = new AddressSpaces((mm) => this.generations.restart(mm))
  readonly #cpus: CpuReplay[] = []
  readonly #pending: (PendingSwitch | undefined)[] = []

  cpu(number: number): CpuReplay {
    for (let i = this.#cpus.length; i <= number && i < MAX_CPUS; i++) this.#cpus.push(new CpuReplay())
    return this.#cpus[number]!
  }

  /** CPUs seen so far. */
  get cpus(): readonly CpuReplay[] {
    return this.#cpus
  }

  /**
   * Before an event is looked at: the CPU has got beyond its last context switch.
   *
   * @returns whether the event is that switch's flush
   */
  begin(event: TraceEvent): boolean {
    const { cpu: number, line } = event.at
    const pending = this.#pending[number]
    // Until the switch is done the CPU's events bear the task that is left; exec's flush is the new task's own.
    const within =
      pending !== undefined && event.at.pid === pending.event.prevPid && event.kind !== 'sched_switch'
    const flushed = within && event.kind === 'tlb_flush' && event.reason === 0
    if (within && !flushed) return false
    this.#pending[number] = undefined
    if (pending !== undefined) this.#switched(pending, flushed)
    this.cpu(number).settle(line)
    return flushed
  }

  /** After the event: what it changes. */
  end(event: TraceEvent): void {
    this.spaces.add(event)
    switch (event.kind) {
      case 'sched_switch':
        this.#switch(event)
        break
      case 'sched_process_exit': {
        const cpu = this.cpu(event.at.cpu)
        if (cpu.view.lazy !== true) cpu.change({ ...cpu.view, lazy: true }, event.at.line, event.at.line)
        break
      }
      default:
    }
  }

  /** A flush of reason 0 outside of a context switch and of a handler: the task goes over to a new mm, or a kernel thread leaves one. */
  reload(at: Where): void {
    const cpu = this.cpu(at.cpu)
    const user = this.spaces.kind(at.pid, at.comm) !== 'kernel'
    const space = user ? this.spaces.renew(at.pid, at.comm, at.line) : 'init'
    cpu.change({ space, lazy: false }, at.line, at.line)
    cpu.gen = undefined
  }

  /** No flush of a new address space has taken a generation until now: whoever has it loaded is at this one. */
  startsAt(at: Where, mm: string, gen: number): void {
    const own = this.spaces.of(at.pid, at.comm)
    // A CPU executes its own flush of what it has loaded only.
    if (this.cpu(at.cpu).view.space === own) this.spaces.bind(own, mm)
    for (const cpu of this.#cpus) {
      if (cpu.gen === undefined && this.spaces.isNamed(cpu.view.space, mm) === true)
        cpu.gen = { low: gen, high: gen }
    }
  }

  /** The CPU has switched to init_mm in a handler. */
  leave(number: number, line: number): void {
    const cpu = this.cpu(number)
    cpu.change({ space: 'init', lazy: false }, line, line)
    cpu.gen = undefined
  }

  /** A handler shows that this CPU has the address space of the pointer loaded. */
  learnLoaded(number: number, mm: string): void {
    if (isNoMm(mm)) return
    const cpu = this.cpu(number)
    const { space } = cpu.view
    if (space === undefined || space === 'init') {
      cpu.learn({ space: this.spaces.named(mm) })
      return
    }
    const bound = this.spaces.bind(space, mm)
    if (bound === 'reused') this.generations.restart(mm)
    if (bound === 'contradiction') cpu.learn({ space: this.spaces.named(mm) })
  }

  /** The pointer of the address space that this CPU has loaded, if it is known. */
  nameLoaded(number: number): string | undefined {
    const { space } = this.cpu(number).view
    return space === undefined || space === 'init' ? undefined : resolve(space).mm
  }

  #switch(event: SchedSwitch): void {
    const { at, nextPid, nextComm } = event
    const cpu = this.cpu(at.cpu)
    const kind = this.spaces.kind(nextPid, nextComm)
    const space = kind === 'user' ? this.spaces.of(nextPid, nextComm) : cpu.view.space
    const lazy = kind === 'user' ? false : kind === 'kernel' ? true : undefined
    cpu.change({ space, lazy }, at.line, Number.POSITIVE_INFINITY)
    const before = new Map<string, Bounds | undefined>()
    const name = this.nameLoaded(at.cpu)
    if (name !== undefined) before.set(name, this.generations.now(name))
    this.#pending[at.cpu] = { event, shown: (mm) => before.get(mm) ?? this.generations.now(mm) }
  }

  #switched({ event, shown }: PendingSwitch, flushed: boolean): void {
    const { at, nextPid, nextComm } = event
    const cpu = this.cpu(at.cpu)
    const loaded = cpu.viewBefore.space
    if (flushed) {
      this.spaces.hasSpace(nextPid, nextComm)
      if (this.spaces.kind(nextPid, nextComm) === 'kernel') {
        cpu.learn({ space: undefined, lazy: undefined })
        cpu.gen = undefined
        return
      }
      const space = this.spaces.of(nextPid, nextComm)
      cpu.learn({ space, lazy: false })
      cpu.gen = this.#generationRead(resolve(space).mm, shown)
      cpu.genLine = at.line
      return
    }
    if (this.spaces.kind(nextPid, nextComm) !== 'user') return
    // Without a flush its address space was loaded already, or it has none any more: it is exiting.
    const space = this.spaces.of(nextPid, nextComm)
    if (loaded === undefined || loaded === 'init') {
      cpu.gen = undefined
    } else if (resolve(loaded) !== resolve(space)) {
      const mayBeSame = resolve(space).mm === undefined && !resolve(space).fresh
      if (mayBeSame) this.spaces.merge(space, loaded)
      else cpu.learn({ space: loaded, lazy: true })
    } else if (cpu.gen !== undefined) {
      // A return from lazy mode that does not flush has found no generation missing.
      const { low, high } = cpu.gen
      const shownThen = shown(this.nameLoaded(at.cpu) ?? '')?.low ?? low
      cpu.gen = { low: Math.max(low, Math.min(high, shownThen)), high }
    }
  }

  /** What the switch can have read: the generation then, or one of those that were being taken. */
  #generationRead(mm: string | undefined, shown: PendingSwitch['shown']): Bounds | undefined {
    if (mm === undefined) return undefined
    const [before, after] = [shown(mm), this.generations.now(mm)]
    if (after === undefined) return undefined
    return { low: before?.low ?? after.low, high: after.high }
  }
}
