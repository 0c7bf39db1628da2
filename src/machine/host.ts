/** Guest and host mode: VM exits and entries, what the host does to a vCPU, and events that the host raises (MACHINE 4.2). */
import { type Cell, cpuName } from '../core/cells.ts'
import { type Memory, Operation, type Removable, type Task } from '../core/operation.ts'
import { frame } from '../core/program.ts'
import { call } from '../core/task.ts'
import { checkUsable, union, usableFootprint } from './checks.ts'
import { pendingInWalk, preemptedInWalk } from './goals.ts'
import type { Cpu, Machine } from './machine.ts'
import { type Made, madeAt } from './made.ts'
import type { Variable } from './variables.ts'

/** An event that the host can raise for the pCPU of a vCPU: a kick, an IPI to the host. Guest IF does not hold it off. */
export interface HostVector {
  readonly name: string
  readonly pending: readonly Cell[]
  /** The host's interrupts that are made once: by site, and by whose pCPU they go to. */
  readonly raises: Map<string, Made<number>>
}

/**
 * The host's code for a vCPU that it takes off its pCPU waits here until it is chosen again. Under a clock the scheduler
 * decides when; to the explorer any time may pass between two operations anyway, and there is no step.
 */
export function* waitToRun(cpu: Cpu): Task<void> {
  if (cpu.machine.timed) yield* WAIT_TO_RUN
}

/** The operation of {@link waitToRun}: a scheduler knows it by identity. */
export const WAIT_TO_RUN: Operation<void> = new Operation<void>({
  kind: 'local',
  label: 'off its pCPU',
  host: true,
})

export const WAIT_TO_RUN_OR_VECTOR: Operation<void> = new Operation<void>({
  kind: 'local',
  label: 'off its pCPU',
  host: true,
})

/** What host code runs for a host vector that interrupted a vCPU's guest code. */
export type HostHandler = (cpu: Cpu) => Task<void>

/** The host's side of one machine: its vectors and handlers. */
export class Host {
  readonly handleId: number
  private readonly machine: Machine
  /** Exits, by why, and entries, by CPU, that are made once. */
  private readonly exits = new Map<string, Made<Cpu>>()
  private readonly entries: Operation<number>[] = []
  private readonly vectors: { readonly vector: HostVector; readonly handler: HostHandler }[] = []
  /** The way back into the guest; hypervisors with more to do before an entry put their own here. */
  enter: HostHandler = (cpu) => this.vmEntry(cpu)

  constructor(machine: Machine) {
    this.machine = machine
    this.handleId = machine.handleId
  }

  /** Declares a host vector: it forces a VM exit whatever guest IF is. */
  declareVector(name: string, handler: HostHandler): HostVector {
    const pending = this.machine.cells.addPerCpu(`host ${name}`, this.machine.cpus.length, 1)
    const vector: HostVector = { name, pending, raises: new Map() }
    this.vectors.push({ vector, handler })
    this.machine.goals.push(pendingInWalk(this.machine, `the host's ${name}`, pending))
    for (const cpu of this.machine.cpus) {
      const bit = pending[cpu.id]!
      this.machine.addSource(cpu, {
        name,
        label: `<${name}: VM exit>`,
        host: true,
        footprint: union({ reads: [bit, cpu.guest] }, this.exitFootprint(cpu), { writes: [bit] }),
        drains: true,
        masked: (memory) => memory.get(cpu.guest) === 0,
        ready: (memory) => memory.get(bit) === 1,
        waitsFor: [bit],
        enter: (memory) => {
          memory.set(bit, 0)
          this.exitNow(memory, cpu)
          return 0
        },
        frame: () => frame(hostFrame, this, cpu, handler),
      })
    }
    return vector
  }

  /**
   * The host may take a vCPU off its pCPU between any two guest operations, at most `budget` times each.
   *
   * @param body - what the host does: mark it preempted, `waitToRun`, what it does before entry
   */
  declarePreemption(body: HostHandler, budget: number, cpus: readonly Cpu[] = this.machine.cpus): void {
    if (!this.machine.timed)
      this.machine.bounds.push(
        `at most ${budget} preemption${budget === 1 ? '' : 's'} of each of ${cpus.length} vCPU${cpus.length === 1 ? '' : 's'}`,
      )
    this.machine.goals.push(preemptedInWalk(this.machine, cpus))
    for (const cpu of cpus) {
      const left = this.machine.cells.add(cpuName`preemptions left[${cpu.id}]`, 1, budget)
      this.machine.addSource(cpu, {
        name: 'preemption',
        label: '<preempted: VM exit>',
        host: true,
        footprint: union({ reads: [left, cpu.guest] }, this.exitFootprint(cpu), { writes: [left] }),
        drains: true,
        masked: (memory) => memory.get(cpu.guest) === 0,
        ready: (memory) => memory.get(left) > 0,
        optional: true,
        waitsFor: [left],
        enter: (memory) => {
          memory.set(left, memory.get(left) - 1)
          this.exitNow(memory, cpu)
          return 0
        },
        frame: () => frame(hostFrame, this, cpu, body),
      })
    }
  }

  private exitFootprint(cpu: Cpu) {
    const { translations } = this.machine
    return {
      reads: translations.walkFootprint([cpu]),
      writes: [cpu.guest, cpu.reach, ...translations.staleFootprint([cpu])],
    }
  }

  private exitNow(memory: Parameters<Operation<void>['apply']>[0], cpu: Cpu): void {
    this.machine.translations.deactivate(memory, cpu)
    memory.set(cpu.guest, 0)
  }

  /** VMCALL or another intercepted instruction: out of guest mode. Drains. */
  vmExit(cpu: Cpu, why: string): Operation<void> {
    return madeAt(this.exits, why).of(cpu, () => this.exit(cpu, why))
  }

  private exit(cpu: Cpu, why: string): Operation<void> {
    return new Operation<void>({
      kind: 'vmexit',
      label: why,
      drains: true,
      footprint: () => this.exitFootprint(cpu),
      apply: (memory) => {
        this.exitNow(memory, cpu)
        return 0
      },
    })
  }

  /**
   * VM entry. With a host vector pending the vCPU does not execute a single guest instruction: the vector's handler runs
   * first, and entry is tried again.
   */
  *vmEntry(cpu: Cpu): Task<void> {
    for (;;) {
      const first = yield* this.tryEntry(cpu)
      if (first < 0) return
      yield* this.handle(cpu, first)
    }
  }

  /** Runs the handler of a host vector that {@link tryEntry} or {@link takePending} found pending. */
  *handle(cpu: Cpu, vector: number): Task<void> {
    yield* call(this.vectors[vector]!.handler, cpu)
  }

  /**
   * A host wait loop with host interrupts on: goes on when the condition holds of every variable; a pending host vector is
   * handled meanwhile.
   */
  *waitWithInterrupts<T>(
    cpu: Cpu,
    variables: readonly Variable<T>[],
    label: string,
    condition: (value: T) => boolean,
    removable?: Removable,
  ): Task<void> {
    const bits = this.vectors.map(({ vector }) => vector.pending[cpu.id]!)
    const cells = variables.map((variable) => variable.cell)
    const parts = variables.map(
      (variable) => (memory: Memory) => condition(variable.decode(memory.load(variable.cell))),
    )
    const pending = (memory: Memory) => bits.some((bit) => memory.get(bit) === 1)
    for (;;) {
      const first = yield* new Operation<number>({
        kind: 'wait',
        label,
        host: true,
        footprint: () => ({ loads: cells, writes: bits }),
        conjuncts: parts.map((holds) => (memory) => holds(memory) || pending(memory)),
        apply: (memory) => {
          if (parts.every((holds) => holds(memory))) return 1
          const found = bits.findIndex((bit) => memory.get(bit) === 1)
          memory.set(bits[found]!, 0)
          return found + 2
        },
        decode: (raw) => raw - 2,
        ...(removable && { removable }),
      })
      if (first < 0) return
      yield* this.handle(cpu, first)
    }
  }

  /**
   * {@link waitToRun} on a pCPU that takes host vectors meanwhile, for a vCPU that is off it: who has raised one waits for
   * the pCPU, not for the vCPU.
   */
  *waitToRunTakingVectors(cpu: Cpu): Task<void> {
    if (!this.machine.timed) return
    for (;;) {
      yield* WAIT_TO_RUN_OR_VECTOR
      const pending = yield* this.takePending(cpu)
      if (pending < 0) return
      yield* this.handle(cpu, pending)
    }
  }

  /** Host interrupts are on for a moment: the first pending vector is taken; -1 if none is. */
  takePending(cpu: Cpu): Operation<number> {
    const bits = this.vectors.map(({ vector }) => vector.pending[cpu.id]!)
    return new Operation<number>({
      kind: 'local',
      label: 'host interrupts on',
      host: true,
      footprint: () => ({ writes: bits }),
      apply: (memory) => {
        const found = bits.findIndex((bit) => memory.get(bit) === 1)
        if (found >= 0) memory.set(bits[found]!, 0)
        return found + 1
      },
      decode: (raw) => raw - 1,
    })
  }

  /** One attempt to enter the guest: -1 when in, otherwise the host vector that was pending and is taken. */
  tryEntry(cpu: Cpu): Operation<number> {
    let entry = this.entries[cpu.id]
    if (entry === undefined) {
      entry = this.entry(cpu)
      this.entries[cpu.id] = entry
    }
    return entry
  }

  private entry(cpu: Cpu): Operation<number> {
    const { machine } = this
    const bits = this.vectors.map(({ vector }) => vector.pending[cpu.id]!)
    return new Operation<number>({
      kind: 'vmentry',
      label: 'VM entry',
      host: true,
      drains: true,
      footprint: () =>
        union(usableFootprint(machine, [cpu]), {
          reads: machine.translations.walkFootprint([cpu]),
          writes: [cpu.guest, cpu.reach, ...bits],
        }),
      apply: (memory) => {
        const first = bits.findIndex((bit) => memory.get(bit) === 1)
        if (first >= 0) {
          memory.set(bits[first]!, 0)
          return first + 1
        }
        memory.set(cpu.guest, 1)
        checkUsable(machine, memory, cpu)
        return 0
      },
      decode: (raw) => raw - 1,
      explain: (raw) => (raw === 0 ? '' : `host vector ${this.vectors[raw - 1]!.vector.name} first`),
    })
  }

  /** The host moves a vCPU to another physical TLB; what the old one holds stays there. The vCPU is out of guest mode. */
  migrate(cpu: Cpu, tlb: number): Operation<void> {
    const { tlb: cell } = cpu
    if (cell === undefined) throw new RangeError('a machine in which vCPUs migrate needs `tlbs`')
    return new Operation<void>({
      kind: 'local',
      label: `moved to another pCPU`,
      host: true,
      footprint: () => ({ writes: [cell, cpu.reach] }),
      apply: (memory) => {
        memory.set(cell, tlb)
        return 0
      },
    })
  }

  /** Waits until each target has taken a host vector: it is out of guest mode from then on, until its handler is done. */
  awaitTaken(
    vector: HostVector,
    targets: readonly number[],
    label: string,
    removable: Removable,
  ): Operation<void> {
    const bits = targets.map((target) => vector.pending[target]!)
    return new Operation<void>({
      kind: 'wait',
      label,
      host: true,
      footprint: () => ({ reads: bits }),
      conjuncts: bits.map((bit) => (memory) => memory.get(bit) === 0),
      removable,
    })
  }

  /**
   * Several vCPUs are addressed in one step: `apply` for each. Only where each is in guest mode, and nothing is on its way to
   * it that takes it out: then nothing of what it does can come between two of these steps and make a difference.
   */
  forAllInGuest(
    vector: HostVector,
    cpus: readonly number[],
    parts: {
      readonly label: string
      readonly writes: readonly Cell[]
      apply(memory: Memory, cpu: number): void
    },
  ): Operation<void> {
    const modes = cpus.map((cpu) => this.machine.cpus[cpu]!.guest)
    const bits = cpus.map((cpu) => vector.pending[cpu]!)
    return new Operation<void>({
      kind: 'rmw',
      label: parts.label,
      host: true,
      drains: true,
      footprint: () => ({ reads: [...modes, ...bits], writes: parts.writes }),
      apply: (memory) => {
        for (const [i, cpu] of cpus.entries()) {
          if (memory.get(modes[i]!) === 0 || memory.get(bits[i]!) === 1)
            throw new RangeError(
              `CPU${cpu} is not in guest mode: it cannot be addressed together with others`,
            )
          parts.apply(memory, cpu)
        }
        return 0
      },
    })
  }

  /** Raises a host vector on several pCPUs, in one step: see {@link forAllInGuest}. */
  raiseOnAll(vector: HostVector, cpus: readonly number[], site: string): Operation<void> {
    const bits = cpus.map((cpu) => vector.pending[cpu]!)
    return new Operation<void>({
      kind: 'ipi',
      label: `host IPI {${cpus.join(',')}} ${vector.name}`,
      host: true,
      footprint: () => ({ writes: bits }),
      apply: (memory) => {
        for (const bit of bits) memory.set(bit, 1)
        return 0
      },
      removable: { what: 'ipi', site: `${site}: host IPI` },
    })
  }

  /** Raises a host vector on another pCPU. */
  raise(vector: HostVector, cpu: number, site: string): Operation<void> {
    return madeAt(vector.raises, site).of(cpu, () => this.raiseOnAll(vector, [cpu], site))
  }
}

/** Host code that interrupted guest code, and the way back. */
function* hostFrame(host: Host, cpu: Cpu, body: HostHandler): Task<void> {
  yield* call(body, cpu)
  yield* host.enter(cpu)
}
