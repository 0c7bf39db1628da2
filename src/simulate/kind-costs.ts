/** What an operation costs, by its kind, and to which account it goes. */
import type { Operation, OperationKind } from '../core/operation.ts'
import type { Costs } from './cost-model.ts'
import type { HostDescription } from './host.ts'
import { Spend } from './operations.ts'
import { ACCOUNT } from './vcpu.ts'

/** Nanoseconds by kind; kinds that cost nothing are instantaneous. */
export function kindCosts(costs: Costs, host: HostDescription): Readonly<Record<OperationKind, number>> {
  return {
    local: 0,
    load: costs.load,
    store: costs.store,
    rmw: costs.rmw,
    fence: costs.fence,
    wait: costs.load,
    lock: costs.rmw,
    unlock: costs.store,
    cli: costs.cli,
    sti: costs.sti,
    iret: costs.iret,
    ipi: 0,
    invlpg: costs.invlpg + (host.pti ? costs.invpcid : 0),
    invpcid: costs.invpcid,
    invlpgb: costs.invlpgb,
    tlbsync: 0,
    cr3: costs.cr3,
    cr4: costs.cr4,
    mode: costs.syscall / 2,
    vmexit: costs.exit / 2,
    vmentry: costs.exit / 2,
    hypercall: 0,
    rcu: costs.store,
    alloc: costs.alloc,
    free: costs.free,
    page: costs.alloc,
    promise: 0,
    choose: 0,
    assert: 0,
  }
}

const ACCOUNT_OF: Partial<Record<OperationKind, number>> = {
  invlpg: ACCOUNT.flush,
  invpcid: ACCOUNT.flush,
  invlpgb: ACCOUNT.flush,
  tlbsync: ACCOUNT.flush,
  cr3: ACCOUNT.flush,
  cr4: ACCOUNT.flush,
  vmexit: ACCOUNT.exits,
  vmentry: ACCOUNT.exits,
  ipi: ACCOUNT.send,
  rcu: ACCOUNT.rcu,
}

/** The account of an operation; in a handler, what is not more special is the handler's. */
export function accountOf(operation: Operation<unknown>, handler: boolean): number {
  if (operation instanceof Spend) return operation.account
  if (operation.host === true && operation.kind !== 'invpcid' && operation.kind !== 'vmentry')
    return ACCOUNT.host
  return ACCOUNT_OF[operation.kind] ?? (handler ? ACCOUNT.interrupts : ACCOUNT.kernel)
}
