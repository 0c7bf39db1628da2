/** A vCPU under the clock: its stack of generators, what it is doing, and where its time went. */
import type { Operation, Task } from '../core/operation.ts'
import type { Source } from '../core/program.ts'
import type { Guest } from './guest.ts'
import { ACCOUNTS, accountNumber } from './operations.ts'
import type { Watchers } from './watchers.ts'

const NO_PLACE: readonly number[] = []

/** One generator on the stack, and the one below it. */
export class LiveFrame {
  readonly task: Task<unknown>
  readonly below: LiveFrame | undefined
  /** Its result goes to the frame below; otherwise it interrupted what is below. */
  readonly called: boolean
  /** A handler of an interrupt, or of the host: its kernel time is the handler's. */
  readonly handler: boolean
  operation: Operation<unknown> | undefined
  /** Nanoseconds that the operation still needs; negative when it has not begun. */
  remaining = -1
  /** The spinlock in whose queue it stands although it does not spin: its vCPU was interrupted, or taken off its pCPU. */
  place = NO_PLACE

  constructor(task: Task<unknown>, below: LiveFrame | undefined, called: boolean, handler: boolean) {
    this.task = task
    this.below = below
    this.called = called
    this.handler = handler
    this.operation = undefined
  }
}

/** Whether a frame stands in the queue of a lock that it does not spin for now. */
export function hasPlace({ place }: LiveFrame): boolean {
  return place !== NO_PLACE
}

/** Takes it out of there, to spin or sleep for the lock, or to have it. */
export function takePlace(frame: LiveFrame): readonly number[] {
  const { place } = frame
  frame.place = NO_PLACE
  return place
}

/** What a vCPU is doing. */
export const STATE = {
  /** An operation is under way on its pCPU. */
  running: 0,
  /** On its pCPU, waiting for a guard. */
  spinning: 1,
  /** Could run; another vCPU has the pCPU. */
  queued: 2,
  halted: 3,
  finished: 4,
} as const
export type State = (typeof STATE)[keyof typeof STATE]

export class Vcpu {
  /** Number among all vCPUs, and within its guest. */
  readonly id: number
  readonly guest: Guest
  readonly index: number
  /** Number of its guest. */
  readonly guestNumber: number
  readonly sources: readonly Source[]
  /** Number of the source by which the host takes it off its pCPU; -1 if its hypervisor has nothing to do then. */
  readonly preemption: number
  /** What is on top of its stack; undefined when its process has ended. */
  top: LiveFrame | undefined
  state: State = STATE.queued
  /** Its pCPU now, or the last one. */
  pcpu: number
  /** Agents run beside the pCPUs. */
  readonly agent: boolean
  /** Begin of the operation, of the wait or of the queueing. */
  since = 0
  /** What has been charged ahead of now, the last last. */
  private ahead = 0
  private readonly aheadAccounts: number[] = []
  private readonly aheadTimes: number[] = []
  /** A source may be ready. */
  pending = false
  /** The host wants its pCPU back. */
  mustYield = false
  /** The halt that its host thread sleeps in. */
  halt: Operation<unknown> | undefined
  /** Cells whose change may end its wait. */
  watching: readonly number[] = []
  /** Which part of a guard in parts it waits for: those before have been seen to hold. */
  waitsForPart = 0
  /** Pages of the working set whose translations are gone: how many are to be expected, not whole ones. */
  coldPages = 0
  /** Since when its interrupts are off; -1 when they are on. */
  irqsOffSince = -1
  /** RCU callbacks whose grace period is over. */
  softirqs: Task<unknown>[] = []
  /** All processes of its guest. */
  peers: readonly Vcpu[] = []
  /** Who waits for which cell of its guest. */
  watchers: Map<number, Watchers<Vcpu>> = new Map()
  /** Nanoseconds that calls of functions have cost, and that the next operation takes longer. */
  overhead = 0
  /** Nanoseconds until it runs after it has been woken. */
  delay = 0
  /** What a fair scheduler counts: nanoseconds on pCPUs, moved forward when it has slept. */
  runtime = 0
  /** Pause-loop window in nanoseconds; 0 before the first exit since it was given its pCPU. */
  window = 0
  /** It was in a pause loop when it last gave its pCPU up, and whether it may be yielded to all the same, every second time. */
  spun = false
  eligible = false
  /** Taken off its pCPU while it could have gone on. */
  preempted = false
  /** Nanoseconds by account. */
  readonly spent = new Float64Array(ACCOUNTS.length)

  constructor(id: number, guest: Guest, guestNumber: number, index: number, pcpu: number) {
    const process = guest.program.processes[index]!
    this.id = id
    this.guest = guest
    this.guestNumber = guestNumber
    this.index = index
    this.sources = process.sources
    this.preemption = process.sources.findIndex((source) => source.name === 'preemption')
    this.pcpu = pcpu
    this.agent = index >= guest.cpus
  }

  /** The innermost frame of a kind. */
  innermost(isIt: (frame: LiveFrame) => boolean): LiveFrame | undefined {
    let frame = this.top
    while (frame !== undefined && !isIt(frame)) frame = frame.below
    return frame
  }

  /** What has passed since `since` goes to an account. */
  account(now: number, account: number): void {
    this.spent[account]! += now - this.since
    this.since = now
  }

  /** As {@link account}, unless something has been charged ahead of now. */
  accountUntil(now: number, account: number): void {
    if (now > this.since) this.account(now, account)
  }

  /** The next nanoseconds go to an account, whatever they are spent in; after those that have been charged ahead before. */
  chargeAhead(account: number, now: number, nanoseconds: number): void {
    if (this.since <= now) this.ahead = 0
    this.spent[account]! += nanoseconds
    this.since = Math.max(now, this.since) + nanoseconds
    this.aheadAccounts[this.ahead] = account
    this.aheadTimes[this.ahead++] = nanoseconds
  }

  /** What it was doing ends now: what has been charged ahead of now is taken back. */
  cutAt(now: number): void {
    for (let left = this.since - now; left > 0 && this.ahead > 0; ) {
      const back = Math.min(left, this.aheadTimes[--this.ahead]!)
      this.spent[this.aheadAccounts[this.ahead]!]! -= back
      left -= back
    }
    this.since = now
  }

  /** As its process is called. */
  get name(): string {
    return this.guest.program.processes[this.index]!.name
  }
}

export const ACCOUNT = {
  user: accountNumber('user'),
  kernel: accountNumber('kernel'),
  flush: accountNumber('flush'),
  send: accountNumber('send'),
  ackWait: accountNumber('ack wait'),
  interrupts: accountNumber('interrupts'),
  exits: accountNumber('exits'),
  refill: accountNumber('refill'),
  locks: accountNumber('locks'),
  lines: accountNumber('lines'),
  rcu: accountNumber('rcu'),
  host: accountNumber('host'),
  idle: accountNumber('idle'),
  notRunning: accountNumber('not running'),
} as const
