/**
 * Threads that run the same check, each on its own copy of the program: alike up to the point where a search is worth sharing, and
 * together from there on (member.ts). The first of them is the leader: it alone looks at the clock, and it alone goes on when the search is over.
 */
import { InternalError } from '../../core/errors.ts'
import { LimitReached } from '../limits.ts'
import { Board, type BoardBuffers, newBoardBuffers } from './board.ts'

/** Words of the barrier. */
const ARRIVED = 0
const MEETING = 1
const DISMISSED = 2
const FAILED = 3
const FIRST_BEAT = 4

/** How long one waits before looking around, in milliseconds; and after how long without a sign of life another one is given up. */
const LOOK_EVERY = 100
const PATIENCE = 60_000

/** Below, a search is over before its threads have met. */
const SOON = 4_000

/** What every member has to know. */
export interface TeamPlan {
  readonly board: BoardBuffers
  readonly barrier: SharedArrayBuffer
  readonly size: number
  /** States from which on a search is shared. */
  readonly joinAt: number
  /** States of the queue that are expanded between two meetings. */
  readonly slice: number
}

export interface TeamSizes {
  readonly joinAt: number
  readonly slice: number
  /** Most bytes of a member's states. */
  readonly bytes?: number
}

/** Below, a search is over before other threads are up. */
export const DEFAULT_SIZES: TeamSizes = { joinAt: 100_000, slice: 16_384 }

export function newTeamPlan(size: number, { joinAt, slice, bytes }: TeamSizes = DEFAULT_SIZES): TeamPlan {
  const barrier = new SharedArrayBuffer(4 * (FIRST_BEAT + size))
  return { board: newBoardBuffers(size, bytes), barrier, size, joinAt, slice }
}

/** Thrown in members that are not needed any more. */
export class Dismissed extends Error {}

export class Team {
  readonly plan: TeamPlan
  readonly rank: number
  readonly board: Board
  private readonly words: Int32Array
  private hasMet = false

  constructor(plan: TeamPlan, rank: number) {
    this.plan = plan
    this.rank = rank
    this.board = new Board(plan.board)
    this.words = new Int32Array(plan.barrier)
  }

  /** States from which on the next search is shared: once all members are up, early. */
  get joinAt(): number {
    return this.hasMet ? Math.min(SOON, this.plan.joinAt) : this.plan.joinAt
  }

  get leads(): boolean {
    return this.rank === 0
  }

  /** Nobody is to wait for the others any more: they end at their next meeting. */
  dismiss(): void {
    Atomics.store(this.words, DISMISSED, 1)
    Atomics.notify(this.words, MEETING)
  }

  get dismissed(): boolean {
    return Atomics.load(this.words, DISMISSED) === 1
  }

  /** A member cannot go on. */
  fail(): void {
    Atomics.store(this.words, FAILED, 1)
    Atomics.notify(this.words, MEETING)
  }

  /** A sign of life. */
  beat(): void {
    Atomics.add(this.words, FIRST_BEAT + this.rank, 1)
  }

  /**
   * Waits until every member is here.
   *
   * @param idle - called now and then meanwhile; gives a reason to stop, if there is one
   * @throws Dismissed, LimitReached
   */
  meet(idle?: () => string | undefined): void {
    const { words, plan } = this
    this.beat()
    const meeting = Atomics.load(words, MEETING)
    if (Atomics.add(words, ARRIVED, 1) + 1 === plan.size) {
      Atomics.store(words, ARRIVED, 0)
      Atomics.add(words, MEETING, 1)
      Atomics.notify(words, MEETING)
    } else this.waitFor(meeting, idle)
    if (this.dismissed) throw new Dismissed()
    this.hasMet = true
    this.board.refresh()
  }

  /** The first meeting: false when somebody does not come. Then the others are dismissed, and the leader goes on alone. */
  gather(idle: () => string | undefined): boolean {
    try {
      this.meet(idle)
      return true
    } catch (error) {
      if (!(error instanceof InternalError)) throw error
      this.dismiss()
      return false
    }
  }

  get isGathered(): boolean {
    return this.hasMet
  }

  private waitFor(meeting: number, idle: (() => string | undefined) | undefined): void {
    const { words } = this
    let beats = -1
    let silence = 0
    while (Atomics.load(words, MEETING) === meeting) {
      if (this.dismissed) throw new Dismissed()
      if (Atomics.load(words, FAILED) === 1) throw new InternalError('a thread of the search has failed')
      if (Atomics.wait(words, MEETING, meeting, LOOK_EVERY) !== 'timed-out') continue
      const reason = idle?.()
      if (reason !== undefined) {
        this.dismiss()
        throw new LimitReached(reason)
      }
      const heard = this.beats()
      silence = heard === beats ? silence + LOOK_EVERY : 0
      beats = heard
      if (silence >= PATIENCE) throw new InternalError('a thread of the search has ended')
    }
  }

  private beats(): number {
    let sum = 0
    for (let at = FIRST_BEAT; at < this.words.length; at++) sum += Atomics.load(this.words, at)
    return sum
  }
}
