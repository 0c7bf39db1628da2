import type { TraceDecoder } from './decoder.ts'
import type { TraceEvent } from './events.ts'
import { readTrace } from './reader.ts'

/** What takes the events of both sides, each with its time on the guest's clock. */
export interface PairSink {
  guest(event: TraceEvent, time: number): void
  host(event: TraceEvent, time: number): void
}

/** A recording, batch by batch, with a look at the next event. */
class Side {
  readonly #batches: AsyncIterator<readonly TraceEvent[]>
  #batch: readonly TraceEvent[] = []
  #next = 0

  constructor(batches: AsyncIterable<readonly TraceEvent[]>) {
    this.#batches = batches[Symbol.asyncIterator]()
  }

  /** Reads on when the batch is used up; whether there is a next event. */
  async fill(): Promise<boolean> {
    while (this.#next >= this.#batch.length) {
      const step = await this.#batches.next()
      if (step.done === true) return false
      this.#batch = step.value
      this.#next = 0
    }
    return true
  }

  get peek(): TraceEvent | undefined {
    return this.#batch[this.#next]
  }

  advance(): void {
    this.#next++
  }
}

/**
 * Reads a guest's and its host's recording together, in the order of one clock: `guest time = host time +
 * offset`, exact where both record the TSC. On a tie the guest's event comes first, since what it logs makes the
 * host act. Constant memory: one batch of either side.
 */
export async function readPair(
  guestFile: string,
  hostFile: string,
  offset: number,
  sink: PairSink,
  decoders: { readonly guest?: TraceDecoder; readonly host?: TraceDecoder } = {},
): Promise<void> {
  const guest = new Side(readTrace(guestFile, decoders.guest))
  const host = new Side(readTrace(hostFile, decoders.host))
  for (;;) {
    const [moreGuest, moreHost] = [await guest.fill(), await host.fill()]
    if (!moreGuest && !moreHost) return
    // Both batches are at hand: no need to wait until one is used up.
    for (;;) {
      const ours = moreGuest ? guest.peek : undefined
      const theirs = moreHost ? host.peek : undefined
      if ((moreGuest && ours === undefined) || (moreHost && theirs === undefined)) break
      if (ours !== undefined && (theirs === undefined || ours.at.time <= theirs.at.time + offset)) {
        sink.guest(ours, ours.at.time)
        guest.advance()
      } else if (theirs !== undefined) {
        sink.host(theirs, theirs.at.time + offset)
        host.advance()
      } else break
    }
  }
}
