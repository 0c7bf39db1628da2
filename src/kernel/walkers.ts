/** Software page-table walkers, and what keeps the tables alive under each. */
import type { Task } from '../core/operation.ts'
import { call } from '../core/task.ts'
import { isPresent, type VirtualAddress } from '../machine/entries.ts'
import { putPage } from '../machine/frames.ts'
import type { Host } from '../machine/host.ts'
import type { Cpu } from '../machine/machine.ts'
import { returnToUser } from '../machine/modes.ts'
import { unpin } from '../machine/paging.ts'
import { rcuReadLock, rcuReadUnlock } from '../machine/rcu.ts'
import { type GupRecheck, gupFast } from './gup.ts'
import type { Mm } from './mm.ts'
import { walkPageTable } from './walk.ts'

/** A system call that pins a page by `gup_fast`, uses it, gives it back and returns to user mode. IF=0 during the walk. */
export function* gupFastSyscall(cpu: Cpu, mm: Mm, va: VirtualAddress, recheck: GupRecheck): Task<void> {
  const page = yield* call(gupFast, cpu, mm, va, recheck)
  if (page !== null) {
    yield* unpin(cpu.machine, page)
    yield* putPage(cpu.machine, page)
  }
  yield* returnToUser(cpu)
}

/** `gup_fast` in the middle of a system call: what follows the walk does not matter. */
export function* gupFastOnly(cpu: Cpu, mm: Mm, va: VirtualAddress, recheck: GupRecheck): Task<void> {
  yield* call(gupFast, cpu, mm, va, recheck)
}

/** As {@link gupFastSyscall}, but the pin is kept: its holder writes through it for as long as it likes (O_DIRECT). */
export function* gupFastUse(cpu: Cpu, mm: Mm, va: VirtualAddress, recheck: GupRecheck): Task<void> {
  yield* call(gupFast, cpu, mm, va, recheck)
  yield* returnToUser(cpu)
}

/**
 * A walker that relies on rcu_read_lock alone, interrupts on: it holds off no interrupt, so an acknowledged IPI says nothing
 * about it, and only a grace period does.
 */
export function* rcuWalkSyscall(cpu: Cpu, mm: Mm, va: VirtualAddress): Task<void> {
  const locked = yield* rcuReadLock(cpu, 'rcu_walk')
  yield* call(walkOnly, cpu, mm, va)
  yield* rcuReadUnlock(cpu, locked)
  yield* returnToUser(cpu)
}

/** A walk from an NMI handler (perf's user call chains). The handler cannot be interrupted by an IPI. */
export function* nmiWalk(cpu: Cpu, mm: Mm, va: VirtualAddress): Task<void> {
  yield* call(walkOnly, cpu, mm, va)
}

/**
 * Xen's spurious-fault check: after a VM exit (a page fault of a PV guest) the *hypervisor* walks the guest's tables, with host
 * interrupts off, which hold off the IPI of a flush by Xen.
 */
export function* xenSpuriousFault(cpu: Cpu, host: Host, mm: Mm, va: VirtualAddress): Task<void> {
  yield* host.vmExit(cpu, 'page fault')
  yield* call(spuriousPageFault, cpu, mm, va)
  yield* host.enter(cpu)
  yield* returnToUser(cpu)
}

function* spuriousPageFault(cpu: Cpu, mm: Mm, va: VirtualAddress): Task<void> {
  yield* walkOnly(cpu, mm, va)
}

/** Reads the entries down to the PTE; gives whether something is mapped. */
function* walkOnly(cpu: Cpu, mm: Mm, va: VirtualAddress): Task<boolean> {
  const { entry } = yield* walkPageTable(cpu.machine, mm.pgd, va)
  return isPresent(entry)
}
