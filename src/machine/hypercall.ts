/** What guest and hypervisor share at a hypercall: a page of guest memory, registers, and what came of it. */
import { cpuName } from '../core/cells.ts'
import type { Task } from '../core/operation.ts'
import type { Handle, Plain } from '../core/plain.ts'
import { newHandleId } from '../core/plain.ts'
import type { Cpu, Machine } from './machine.ts'
import type { CpuMask } from './masks.ts'
import { store, type Variable } from './variables.ts'

/** A page of guest memory that hypervisors read: 64-bit words from offset 0, one variable each. */
export interface GuestPage extends Handle {
  readonly gpa: bigint
  readonly words: readonly Variable<bigint>[]
}

/** Declares one page per CPU; `fields` name its first words. */
export function declareGuestPages(machine: Machine, name: string, fields: readonly string[]): GuestPage[] {
  return machine.cpus.map((cpu) => ({
    handleId: newHandleId(),
    gpa: 0x2000_0000n + BigInt(cpu.id) * 0x1000n,
    words: fields.map((field) => machine.plainVariable<bigint>(cpuName`${name}[${cpu.id}].${field}`, 0n)),
  }))
}

/** Writes one word of a page: a plain store. */
export function storeWord(page: GuestPage, index: number, value: bigint) {
  return store(page.words[index]!, value)
}

/** Registers at the hypercall instruction, as the 64-bit conventions name them. */
export interface CallRegisters {
  readonly [key: string]: Plain
  readonly control: bigint
  readonly input: GuestPage
}

/**
 * What a hypercall gave: its result, and, for the interface check alone, which CPUs it has reached for which range.
 */
export interface HypercallOutcome {
  readonly [key: string]: Plain
  readonly result: bigint
  readonly reached: CpuMask
  readonly addressSpace: bigint | 'all'
  readonly start: bigint
  readonly end: bigint
}

/** The hypervisor as guest code sees it. */
export interface HypercallPort {
  readonly vmcall: (cpu: Cpu, registers: CallRegisters) => Task<HypercallOutcome>
}
