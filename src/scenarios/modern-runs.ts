/** What the CPUs of a modern guest run in several scenarios. */
import type { Task } from '../core/operation.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Mm } from '../kernel/mm.ts'
import { tlbFinishMmu, tlbGatherMmu } from '../kernel/mmu-gather.ts'
import { zapPteRange } from '../kernel/munmap.ts'
import { type SwitchState, switchMm } from '../kernel/switch-mm.ts'
import type { Cpu } from '../machine/machine.ts'
import { returnToUser } from '../machine/modes.ts'
import { promise } from '../machine/promises.ts'
import { V } from './guest.ts'

/** `munmap()` of one page whose table stays. */
export function* unmapPage(kernel: Kernel, cpu: Cpu, mm: Mm): Task<void> {
  const tlb = tlbGatherMmu(kernel, cpu, mm)
  yield* zapPteRange(tlb, V)
  yield* tlbFinishMmu(tlb)
  yield* promise(kernel.machine, mm.space, V, { frames: [], writable: false })
}

/** A CPU that leaves the mm for a kernel thread, comes back to it, and runs on in user mode. */
export function* awayAndBack(kernel: Kernel, state: SwitchState, cpu: Cpu, mm: Mm): Task<void> {
  yield* switchMm(kernel, state, cpu, null)
  yield* switchMm(kernel, state, cpu, mm)
  yield* returnToUser(cpu)
}

/** A CPU that goes on in user mode: it can use every translation that it holds. */
export function* inUserMode(cpu: Cpu): Task<void> {
  yield* returnToUser(cpu)
}
