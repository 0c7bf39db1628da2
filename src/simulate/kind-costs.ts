/** What an operation costs, by its kind, and to which account it goes. */
import { OPERATION_KINDS, type Operation, type OperationKind } from '../core/operation.ts'
import type { Costs } from './cost-model.ts'
import type { HostDescription } from './host.ts'
import { Spend } from './operations.ts'
import { ACCOUNT } from './vcpu.ts'

/** Nanoseconds by number of the kind; kinds that cost nothing are instantaneous. */
export function kindCosts(costs: Costs, host: HostDescription): Float64Array {
  const byKind: Readonly<Record<OperationKind, number>> = {
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
    invlpg: costs.invlpg + (host.pti ? userHalf(costs, host) : 0),
    invpcid: costs.invpcid,
    invlpgb: costs.invlpgb,
    tlbsync: 0,
    cr3: costs.cr3,
    cr4: costs.cr4,
    mode: costs.syscall / 2,
    vmexit: costs.exit / 2,
    vmentry: costs.exit / 2,
    hypercall: 0,
    'vcpu-state': costs.load + costs.hostVcpu,
    rcu: costs.store,
    alloc: costs.alloc,
    free: costs.free,
    page: costs.alloc,
    promise: 0,
    choose: 0,
    assert: 0,
  }
  return Float64Array.from(OPERATION_KINDS, (kind) => byKind[kind])
}

/** PTI: the page in the user half, by INVPCID or by a note in `user_pcid_flush_mask`. */
function userHalf(costs: Costs, host: HostDescription): number {
  return host.ptiFlush === 'deferred' ? costs.store : costs.invpcid
}

const SPECIAL: Partial<Record<OperationKind, number>> = {
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

function accountsOr(account: number): Uint8Array {
  return Uint8Array.from(OPERATION_KINDS, (kind) => SPECIAL[kind] ?? account)
}

/** By number of the kind: in a handler, what is not more special is the handler's. */
const IN_HANDLER = accountsOr(ACCOUNT.interrupts)
const ELSEWHERE = accountsOr(ACCOUNT.kernel)
const INVPCID = OPERATION_KINDS.indexOf('invpcid')
const VMENTRY = OPERATION_KINDS.indexOf('vmentry')

/** Kinds that do something beside their effect on cells: see `Effects.special`. */
const SPECIAL_EFFECTS: ReadonlySet<OperationKind> = new Set([
  'ipi',
  'invlpg',
  'invpcid',
  'cr3',
  'cr4',
  'cli',
  'sti',
  'iret',
  'vmexit',
  'tlbsync',
  'rcu',
])

/** By number of the kind: 1 for those. */
export const IS_SPECIAL = Uint8Array.from(OPERATION_KINDS, (kind) => Number(SPECIAL_EFFECTS.has(kind)))

/** The account of an operation. */
export function accountOf(operation: Operation<unknown>, handler: boolean): number {
  const { kindNumber, timing } = operation
  if (timing !== undefined && timing instanceof Spend) return timing.account
  if (operation.host === true && kindNumber !== INVPCID && kindNumber !== VMENTRY) return ACCOUNT.host
  return (handler ? IN_HANDLER : ELSEWHERE)[kindNumber]!
}
