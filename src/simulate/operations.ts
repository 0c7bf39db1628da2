/** Operations that only a clock understands: workloads yield them beside those of the machine. The explorer never sees them. */
import type { Cell } from '../core/cells.ts'
import { type Memory, Operation, type Task } from '../core/operation.ts'
import type { Plain } from '../core/plain.ts'
import { Rcu, type RcuCallbackHandle } from '../machine/rcu.ts'

/** Where time goes. */
export const ACCOUNTS = [
  'user',
  'kernel',
  'faults',
  'flush',
  'send',
  'ack wait',
  'interrupts',
  'exits',
  'refill',
  'locks',
  'lines',
  'rcu',
  'host',
  'idle',
  'not running',
] as const
export type Account = (typeof ACCOUNTS)[number]
/** Number of an account in the tables of the engine. */
export const accountNumber = (account: Account): number => ACCOUNTS.indexOf(account)

/** Code that touches nothing that the model has: it only takes time. User code also pays for refilling the TLB. */
export class Spend extends Operation<void> {
  readonly nanoseconds: number
  readonly account: number

  constructor(nanoseconds: number, account: Account) {
    super({ kind: 'local', label: account })
    this.nanoseconds = nanoseconds
    this.account = accountNumber(account)
  }
}

/** Takes time. */
export function spend(nanoseconds: number, account: Account): Spend {
  return new Spend(nanoseconds, account)
}

/** Gives the pCPU up until a condition holds or an interrupt comes: HLT, or the wait of a host's thread. */
export class Halt extends Operation<void> {
  constructor(cells: readonly Cell[], condition: (memory: Memory) => boolean) {
    super({ kind: 'wait', label: 'halted', footprint: () => ({ reads: cells }), guard: condition })
  }
}

/** The time now, in nanoseconds: what a workload measures with. Costs nothing. */
export class Now extends Operation<number> {
  constructor() {
    super({ kind: 'local', label: 'now', decode: (raw) => raw })
  }
}

/** `yield* now()` gives the time. */
export function now(): Now {
  return new Now()
}

/** `call_rcu()`: what waits for a grace period of the clock. */
export class CallRcu extends Operation<void> {
  readonly callback: RcuCallbackHandle
  readonly argument: Plain

  constructor(callback: RcuCallbackHandle, argument: Plain) {
    super({ kind: 'rcu', label: 'call_rcu()' })
    this.callback = callback
    this.argument = argument
  }
}

/**
 * RCU under a clock. The guarantee is the primitive's of `machine/rcu.ts`: the engine ends a grace period only when every CPU
 * has been seen outside read-side sections since it began. What is added is time: grace periods last as long as the cost
 * model says at least, and callbacks are batched as the kernel does.
 */
export class TimedRcu extends Rcu {
  override *callRcu(callback: RcuCallbackHandle, argument: Plain, _site: string): Task<void> {
    yield* new CallRcu(callback, argument)
  }
}

/** So many accesses in a row to a line that everybody writes (a counter, a lock word): each has to get the line. */
export class Contended extends Operation<void> {
  readonly times: number

  constructor(cell: Cell, times: number) {
    super({
      kind: 'rmw',
      label: 'contended line',
      footprint: () => ({ reads: [cell], writes: [cell] }),
      apply: (memory) => {
        memory.set(cell, memory.get(cell) ^ 1)
        return 0
      },
    })
    this.times = times
  }
}
