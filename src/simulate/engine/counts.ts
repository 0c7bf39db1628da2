/** What happened in a run, all guests together. */
import { Histogram } from '../histogram.ts'

export class Counts {
  operations = 0
  /** Vectors that guests have made pending for other CPUs, and those that have been taken. */
  ipis = 0
  interrupts = 0
  exits = 0
  hostSwitches = 0
  fullFlushes = 0
  /** Nanoseconds that senders spun until all targets had acknowledged. */
  readonly ackWaits = new Histogram()
  /** Nanoseconds with interrupts off. */
  readonly irqsOff = new Histogram()
  /** Nanoseconds that locks were waited for. */
  readonly lockWaits = new Histogram()
}
