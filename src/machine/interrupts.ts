/** IF, vectors, handlers, NMI, the APIC (MACHINE 4.1). */
import { type Cell, cpuName } from '../core/cells.ts'
import { type Memory, NOTHING, Operation, type Step, type Task } from '../core/operation.ts'
import { type Handle, newHandleId } from '../core/plain.ts'
import { frame, type Source } from '../core/program.ts'
import { call } from '../core/task.ts'
import { checkUsable, union, usableFootprint } from './checks.ts'
import { pendingInWalk } from './goals.ts'
import type { Cpu, Machine } from './machine.ts'
import { type Made, madeAt } from './made.ts'
import { type CpuMask, cpusOf, showMask } from './masks.ts'
import { enterReader, exitReader } from './rcu.ts'

/** What `local_irq_save()` gives: `skipped` is what a mutant without it sees. */
export type IrqFlags = 'skipped' | 'on' | 'off'
const FLAGS: readonly IrqFlags[] = ['skipped', 'on', 'off']

/** `local_irq_save()`: IF = 0. Does not drain. */
export function localIrqSave(cpu: Cpu, site: string): Operation<IrqFlags> {
  return cpu.irqSaves.of(site, () => irqSave(cpu, site))
}

function irqSave(cpu: Cpu, site: string): Operation<IrqFlags> {
  return new Operation<IrqFlags>({
    kind: 'cli',
    label: 'cli',
    footprint: () => ({ reads: [cpu.if], writes: [cpu.if, ...readers(cpu)] }),
    apply: (memory) => {
      if (memory.get(cpu.if) === 0) return 2
      memory.set(cpu.if, 0)
      enterReader(memory, cpu, 'irq')
      return 1
    },
    decode: (raw) => FLAGS[raw]!,
    removable: { what: 'irq-off', site: `${site}: local_irq_save` },
  })
}

/** `local_irq_restore()`: IF = 1 if it was before. */
export function localIrqRestore(cpu: Cpu, flags: IrqFlags): Iterable<Step, void, unknown> {
  if (flags !== 'on') return NOTHING
  return cpu.machine.rcuSlots === 0 ? setIf(cpu) : endSection(cpu)
}

function* endSection(cpu: Cpu): Task<void> {
  yield* exitReader(cpu, 'irq')
  yield* setIf(cpu)
}

function setIf(cpu: Cpu): Operation<void> {
  return cpu.made.of('sti', () => sti(cpu))
}

function sti(cpu: Cpu): Operation<void> {
  return new Operation<void>({
    kind: 'sti',
    label: 'sti',
    footprint: () => ({ writes: [cpu.if] }),
    apply: (memory) => {
      memory.set(cpu.if, 1)
      return 0
    },
  })
}

/** Cells that tell RCU about a CPU's interrupts-off section; none without RCU. */
function readers(cpu: Cpu): Cell[] {
  return cpu.machine.rcuSlots === 0 ? [] : [cpu.readers.irq]
}

/** An interrupt vector of every CPU. */
export interface Vector extends Handle {
  readonly name: string
  /** Per CPU: the bit of the IRR. Vectors coalesce. */
  readonly pending: readonly Cell[]
  /** Writes to the ICR that are made once: by site, and by whom they are sent to. */
  readonly sends: Map<string, Made<CpuMask>>
}

/** Declares a vector and what each CPU does when it is delivered. */
export function declareVector(machine: Machine, name: string, handler: (cpu: Cpu) => Task<void>): Vector {
  const pending = machine.cells.addPerCpu(`pending ${name}`, machine.cpus.length, 1)
  machine.goals.push(pendingInWalk(machine, `the vector ${name}`, pending))
  for (const cpu of machine.cpus) machine.addSource(cpu, vectorSource(cpu, name, pending[cpu.id]!, handler))
  return { handleId: newHandleId(), name, pending, sends: new Map() }
}

function vectorSource(cpu: Cpu, name: string, pending: Cell, handler: (cpu: Cpu) => Task<void>): Source {
  const own = [cpu.if, cpu.user, ...readers(cpu)]
  return {
    name,
    label: `<${name}>`,
    footprint: { reads: [pending, cpu.if, cpu.guest, cpu.user], writes: [pending, ...own] },
    drains: true,
    masked: (memory) => memory.get(cpu.if) === 0 || memory.get(cpu.guest) === 0,
    ready: (memory) => memory.get(pending) === 1,
    waitsFor: [pending],
    enter: (memory) => {
      memory.set(pending, 0)
      return enterKernel(memory, cpu)
    },
    frame: (raw) => frame(interruptFrame, cpu, handler, raw),
  }
}

/** Delivery through an interrupt gate: CPL 0, IF = 0. Gives what IRET will restore: bit 0 IF, bit 1 CPL 3. */
function enterKernel(memory: Memory, cpu: Cpu): number {
  const saved = memory.get(cpu.if) | (memory.get(cpu.user) << 1)
  if (saved & 1) enterReader(memory, cpu, 'irq')
  memory.set(cpu.if, 0)
  if (saved & 2) memory.set(cpu.user, 0)
  return saved
}

function* interruptFrame(cpu: Cpu, handler: (cpu: Cpu) => Task<void>, saved: number): Task<void> {
  yield* call(handler, cpu)
  yield* iret(cpu, saved, 'interrupt')
}

/** IRET: drains, restores IF and CPL; at CPL 3 the CPU can use what it holds again. */
function iret(cpu: Cpu, saved: number, from: 'interrupt' | 'nmi'): Operation<void> {
  return cpu.irets.of(from === 'nmi' ? saved + 4 : saved, () => interruptReturn(cpu, saved, from))
}

function interruptReturn(cpu: Cpu, saved: number, from: 'interrupt' | 'nmi'): Operation<void> {
  const { machine } = cpu
  const toUser = (saved & 2) !== 0
  return new Operation<void>({
    kind: 'iret',
    label: 'iret',
    drains: true,
    footprint: () =>
      union(toUser ? usableFootprint(machine, [cpu]) : {}, {
        writes: [
          cpu.if,
          ...(toUser ? [cpu.user] : []),
          ...(from === 'nmi' ? [cpu.nmi] : []),
          ...(machine.rcuSlots === 0 ? [] : cpu.readers.all),
        ],
      }),
    apply: (memory) => {
      if (saved & 1) {
        cpu.readers.leaveNow(memory, 'irq')
        memory.set(cpu.if, 1)
      }
      if (from === 'nmi') {
        cpu.readers.leaveNow(memory, 'nmi')
        memory.set(cpu.nmi, 0)
      }
      if (toUser) {
        memory.set(cpu.user, 1)
        checkUsable(machine, memory, cpu)
      }
      return 0
    },
  })
}

/** NMIs that arrive at any time, at most `budget` times per CPU: IF does not hold them off, another NMI does. */
export function declareNmi(
  machine: Machine,
  handler: (cpu: Cpu) => Task<void>,
  budget: number,
  cpus: readonly Cpu[] = machine.cpus,
): void {
  machine.bounds.push(
    `at most ${budget} NMI${budget === 1 ? '' : 's'} on each of ${cpus.length} CPU${cpus.length === 1 ? '' : 's'}`,
  )
  for (const cpu of cpus) {
    const left = machine.cells.add(cpuName`NMIs left[${cpu.id}]`, 1, budget)
    const own = [cpu.if, cpu.user, cpu.nmi, ...(machine.rcuSlots === 0 ? [] : cpu.readers.all)]
    machine.addSource(cpu, {
      name: 'NMI',
      label: '<NMI>',
      footprint: { reads: [left, cpu.guest, ...own], writes: [left, ...own] },
      drains: true,
      masked: (memory) => memory.get(cpu.nmi) === 1 || memory.get(cpu.guest) === 0,
      ready: (memory) => memory.get(left) > 0,
      optional: true,
      waitsFor: [left],
      enter: (memory) => {
        memory.set(left, memory.get(left) - 1)
        memory.set(cpu.nmi, 1)
        enterReader(memory, cpu, 'nmi')
        return enterKernel(memory, cpu)
      },
      frame: (raw) => frame(nmiFrame, cpu, handler, raw),
    })
  }
}

function* nmiFrame(cpu: Cpu, handler: (cpu: Cpu) => Task<void>, saved: number): Task<void> {
  yield* call(handler, cpu)
  yield* iret(cpu, saved, 'nmi')
}

/** A write to the x2APIC's ICR for each CPU of a mask: sets the vector pending there. Does not drain (10.12.3). */
export function sendIpi(vector: Vector, mask: CpuMask, site: string): Operation<void> {
  return madeAt(vector.sends, site, 256).of(mask, () => icrWrite(vector, mask, site))
}

function icrWrite(vector: Vector, mask: CpuMask, site: string): Operation<void> {
  const cells = cpusOf(mask).map((cpu) => vector.pending[cpu]!)
  const targets = cells.length > 8 ? `${cells.length} CPUs` : showMask(mask)
  return new Operation<void>({
    kind: 'ipi',
    label: `send ${vector.name} ${targets}`,
    footprint: () => ({ writes: cells }),
    apply: (memory) => {
      for (const cell of cells) memory.set(cell, 1)
      return 0
    },
    removable: { what: 'ipi', site: `${site}: send IPI` },
  })
}
