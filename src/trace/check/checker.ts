import type { FlushFunc, FlushInfo, TraceEvent, Where } from '../events.ts'
import type { Flush, Handling } from '../flush.ts'
import { FlushTracker } from '../flush-tracker.ts'
import { resolve } from './address-spaces.ts'
import { Findings } from './decisions.ts'
import { checkExecution, type ExecutionStart, type LostTrack } from './execution-check.ts'
import { type CheckedMachine, FlushChecks, type GenerationGap } from './flush-check.ts'
import type { Bounds } from './generations.ts'
import { isNoMm, MachineReplay } from './machine-replay.ts'
import { checkBareSize } from './size-check.ts'

/**
 * Checks a recording event by event: replays the inputs of each decision, lets the kernel's rules decide, and compares
 * with what was recorded.
 */
export class Checker {
  readonly findings = new Findings()
  readonly replay = new MachineReplay()
  readonly #machine: CheckedMachine
  readonly #flushes: FlushChecks
  readonly #tracker: FlushTracker
  readonly #started: (ExecutionStart | undefined)[] = []
  /** What each CPU lacks, until its generation is certain again. */
  readonly #lost: (LostTrack | undefined)[] = []
  /** `csd_function_entry` of a flush whose probe has not come. */
  readonly #entered: (Where | undefined)[] = []
  /** Tasks that left their mm by an execution of their own: they must be exiting. */
  readonly #exits = new Map<number, Handling>()
  #probes = false
  #ended = false

  constructor(machine: CheckedMachine) {
    const { replay } = this
    this.#machine = machine
    this.#flushes = new FlushChecks(machine, replay, this.findings, (gap) => this.#gap(gap))
    this.#tracker = new FlushTracker({
      onExecution: (handling, info) => this.#executed(handling, info),
      onReturn: (flush) => this.#flushes.returned(flush),
      onLost: ({ at, outcome }) => {
        if (this.#entered[at.cpu] === undefined) this.#executionLost(at)
        if (outcome === 'left mm') replay.leave(at.cpu, at.line)
      },
    })
  }

  /** Whether the recording has probes of the flush functions: without them there is little to predict from. */
  get hasProbes(): boolean {
    return this.#probes
  }

  add(event: TraceEvent): void {
    const { replay } = this
    const bySwitch = replay.begin(event)
    const alone =
      event.kind === 'tlb_flush' && event.reason === 0 && !bySwitch && !this.#tracker.inHandler(event.at.cpu)
    this.#generations(event)
    for (const flush of this.#tracker.add(event)) this.#complete(flush)
    if (alone) replay.reload(event.at)
    this.#watch(event)
    replay.end(event)
    if (event.kind === 'tlb_flush' && !this.#probes)
      checkBareSize(event, this.#machine.ceiling, this.findings)
  }

  finish(): void {
    this.#ended = true
    for (const flush of this.#tracker.finish()) this.#complete(flush)
    for (const { at } of this.#exits.values()) {
      const why = 'only an exiting task is lazy while it runs, and this one does not exit'
      const common = { lines: [at.line], cpu: at.cpu, predicted: 'flushed', recorded: 'left mm' }
      this.findings.disagree({ decision: 'outcome on a CPU', standing: 'unexplained', ...common, why })
    }
  }

  #complete(flush: Flush): void {
    if (flush.info === undefined && flush.request !== undefined) {
      this.replay.generations.abandoned(flush.request.mm, flush.request.at.pid)
      if (this.#ended) this.findings.unchecked('place')
      else this.#flushes.complete(flush)
    } else this.#flushes.complete(flush)
  }

  #generations(event: TraceEvent): void {
    const { generations } = this.replay
    switch (event.kind) {
      case 'flush_range':
        this.#probes = true
        generations.requested(event.mm, event.at)
        break
      case 'multi':
      case 'xen_multi':
      case 'hv_multi':
      case 'kvm_multi':
        // Who is in the mask of what it flushes has it loaded.
        if (((event.mask >> BigInt(event.at.cpu)) & 1n) === 1n)
          this.replay.learnLoaded(event.at.cpu, event.mm)
        this.#flushes.generation(event)
        break
      case 'flush_func':
        if (event.initiator === event.at.cpu) this.#flushes.generation(event)
        break
      default:
    }
  }

  #watch(event: TraceEvent): void {
    const { cpu } = event.at
    switch (event.kind) {
      case 'flush_func':
        this.#entered[cpu] = undefined
        this.#started[cpu] = { mmGen: this.#generationsOf(event), lost: this.#lost[cpu] }
        break
      case 'csd_function_entry':
        this.#entered[cpu] = event.func.startsWith('flush_tlb_func') ? event.at : undefined
        break
      case 'csd_function_exit':
        if (this.#entered[cpu] !== undefined) this.#executionLost(this.#entered[cpu])
        this.#entered[cpu] = undefined
        break
      case 'sched_process_exit':
        if (this.#exits.delete(event.pid)) this.findings.agreed('outcome on a CPU')
        break
      default:
    }
  }

  #generationsOf(event: FlushFunc): Bounds | undefined {
    const mm = isNoMm(event.mm) ? this.replay.nameLoaded(event.at.cpu) : event.mm
    return mm === undefined ? undefined : this.replay.generations.now(mm)
  }

  #executed(handling: Handling, info: FlushInfo): void {
    const { cpu } = handling.at
    const start = this.#started[cpu] ?? { mmGen: undefined, lost: undefined }
    const { pid } = handling.at
    const outcome = checkExecution(handling, info, start, this.replay, this.findings)
    if (outcome === 'if its task exits') {
      this.#exits.set(pid, handling)
      if (this.#exits.size > 65_536) this.#exits.clear()
    }
    const { gen } = this.replay.cpu(cpu)
    if (gen === undefined || gen.low === gen.high) this.#lost[cpu] = undefined
  }

  /** Generations were taken that no line shows: whoever has the mm loaded may have caught up to them. */
  #gap({ mm, from, to, at }: GenerationGap): void {
    const { cpus, spaces } = this.replay
    cpus.forEach((cpu, number) => {
      if (cpu.gen === undefined || cpu.gen.high + 1 < from) return
      if (spaces.isNamed(cpu.view.space, mm) !== true) return
      cpu.gen = { low: cpu.gen.low, high: Math.max(cpu.gen.high, to) }
      this.#lost[number] = { line: at.line, what: `generations ${from} to ${to} have no line` }
    })
  }

  #executionLost(at: Where): void {
    this.#flushes.executionLost(at)
    this.#lost[at.cpu] = { line: at.line, what: 'an execution lost its probe' }
    const cpu = this.replay.cpu(at.cpu)
    const { space } = cpu.view
    const mm = space === undefined || space === 'init' ? undefined : resolve(space).mm
    const now = mm === undefined ? undefined : this.replay.generations.now(mm)
    cpu.gen = now === undefined || cpu.gen === undefined ? undefined : { low: cpu.gen.low, high: now.high }
  }
}
