/** CPL: who can use what it holds, and when it starts to (MACHINE 1.5). */
import { Operation } from '../core/operation.ts'
import { checkAccess, checkUsable, union, usableFootprint } from './checks.ts'
import type { Cpu } from './machine.ts'

/** SYSRET or IRET to CPL 3: from here on the CPU can use every data translation that it holds. */
export function returnToUser(cpu: Cpu): Operation<void> {
  const { machine } = cpu
  return new Operation<void>({
    kind: 'mode',
    label: 'return to user mode',
    footprint: () => union(usableFootprint(machine, [cpu]), { writes: [cpu.user] }),
    apply: (memory) => {
      memory.set(cpu.user, 1)
      checkUsable(machine, memory, cpu)
      return 0
    },
  })
}

/** SYSCALL: CPL 0. */
export function enterKernel(cpu: Cpu): Operation<void> {
  return new Operation<void>({
    kind: 'mode',
    label: 'system call',
    footprint: () => ({ writes: [cpu.user] }),
    apply: (memory) => {
      memory.set(cpu.user, 0)
      return 0
    },
  })
}

/** Kernel code accesses a user address explicitly (`copy_to_user`): what it may hit must be right, at any CPL. */
export function accessAddress(cpu: Cpu, va: bigint): Operation<void> {
  const { machine } = cpu
  const index = machine.translations.tracked(va)
  return new Operation<void>({
    kind: 'local',
    label: 'access v',
    footprint: () => usableFootprint(machine, [cpu]),
    apply: (memory) => {
      if (index !== undefined) checkAccess(machine, memory, cpu, index)
      return 0
    },
  })
}
