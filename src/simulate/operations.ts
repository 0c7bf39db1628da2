/** Operations that only a clock understands: workloads yield them beside those of the machine. The explorer never sees them. */
import type { Cell } from '../core/cells.ts'
import { type Memory, Operation, type Task } from '../core/operation.ts'
import type { Plain } from '../core/plain.ts'
import { Made } from '../machine/made.ts'
import { Rcu, type RcuCallbackHandle } from '../machine/rcu.ts'
import type { Variable } from '../machine/variables.ts'

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

/** How a {@link spend} is timed: so long, for an account. */
export class Spend {
  readonly nanoseconds: number
  readonly account: number

  constructor(nanoseconds: number, account: number) {
    this.nanoseconds = nanoseconds
    this.account = account
  }
}

/** Whether an operation is user code that runs for some time. */
export function isUserCode(operation: Operation<unknown> | undefined): boolean {
  const timing = operation?.timing
  return timing instanceof Spend && timing.account === USER
}

const USER = accountNumber('user')

/** Takes time: code that touches nothing that the model has. User code also pays for refilling the TLB. */
export function spend(nanoseconds: number, account: Account): Operation<void> {
  // What user code takes is hardly ever the same again.
  if (account === 'user') return spending(nanoseconds, account)
  return SPENDING[account].of(nanoseconds, () => spending(nanoseconds, account))
}

function spending(nanoseconds: number, account: Account): Operation<void> {
  const timing = new Spend(nanoseconds, accountNumber(account))
  return new Operation<void>({ kind: 'local', label: account, timing })
}

/** By account: those that are made once, by how long they take. */
const SPENDING = Object.fromEntries(ACCOUNTS.map((account) => [account, new Made<number>(64)])) as Readonly<
  Record<Account, Made<number>>
>

/** Marks a {@link halt}: the pCPU is given up while it waits. */
export class Halt {}
const HALT = new Halt()

/** Gives the pCPU up until a condition holds or an interrupt comes: HLT, or the wait of a host's thread. */
export function halt(cells: readonly Cell[] = [], condition: (memory: Memory) => boolean = () => false) {
  const footprint = () => ({ reads: cells })
  return new Operation<void>({ kind: 'wait', label: 'halted', footprint, guard: condition, timing: HALT })
}

/** Marks {@link now}: what it gives is the time. */
export class Now {}
const NOW = new Operation<number>({ kind: 'local', label: 'now', decode: (raw) => raw, timing: new Now() })

/** `yield* now()` gives the time, in nanoseconds: what a workload measures with. Costs nothing. */
export function now(): Operation<number> {
  return NOW
}

/** `call_rcu()`: what waits for a grace period of the clock. */
export class CallRcu {
  readonly callback: RcuCallbackHandle
  readonly argument: Plain

  constructor(callback: RcuCallbackHandle, argument: Plain) {
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
    const timing = new CallRcu(callback, argument)
    yield* new Operation<void>({ kind: 'rcu', label: 'call_rcu()', timing })
  }
}

/** How a {@link contended} is timed: so many accesses, each of which has to get the line. */
export class Contended {
  readonly times: number

  constructor(times: number) {
    this.times = times
  }
}

const contentions = new WeakMap<Variable<number>, Made<number>>()

/** So many accesses in a row to a line that everybody writes (a counter, a lock word): each has to get the line. */
export function contended(variable: Variable<number>, times: number): Operation<void> {
  let made = contentions.get(variable)
  if (made === undefined) {
    made = new Made()
    contentions.set(variable, made)
  }
  return made.of(times, () => contention(variable, times))
}

function contention({ cell }: Variable<number>, times: number): Operation<void> {
  return new Operation<void>({
    kind: 'rmw',
    label: 'contended line',
    footprint: () => ({ reads: [cell], writes: [cell] }),
    apply: (memory) => {
      memory.set(cell, memory.get(cell) ^ 1)
      return 0
    },
    timing: new Contended(times),
  })
}
