/** What happened in a run, by name: how often, and how long each took. Workloads note it; reports print it. */
import { Histogram, type LatencySummary } from './histogram.ts'

/** How often something happened in all guests together, and its latencies in nanoseconds. */
export interface EventSummary extends LatencySummary {
  readonly perSecond: number
}

export class EventLog {
  private readonly histograms = new Map<string, Histogram>()

  /** @param nanoseconds - that it took, by the clock: with interrupts and preemption in between */
  add(name: string, nanoseconds: number): void {
    let histogram = this.histograms.get(name)
    if (histogram === undefined) {
      histogram = new Histogram()
      this.histograms.set(name, histogram)
    }
    histogram.add(nanoseconds)
  }

  /** Forgets everything: the warm-up is over. */
  clear(): void {
    this.histograms.clear()
  }

  /** All guests' events together. */
  static summary(logs: readonly EventLog[], seconds: number): Readonly<Record<string, EventSummary>> {
    const merged = new Map<string, Histogram>()
    for (const { histograms } of logs) {
      for (const [name, histogram] of histograms) {
        const all = merged.get(name) ?? new Histogram()
        all.merge(histogram)
        merged.set(name, all)
      }
    }
    return Object.fromEntries(
      [...merged].map(([name, all]) => [name, { perSecond: all.count / seconds, ...all.summary() }]),
    )
  }
}
