/**
 * How long a search may still take, as far as that can be said. While its frontier grows, nothing can. Once it has been shrinking for
 * a while, it goes on so for as long as it takes to nothing, or longer when new states turn up; so that is said with "about", and
 * only then.
 */
import type { Progress } from '../explore/verdict.ts'

interface Sample {
  readonly at: number
  readonly frontier: number
}

/** Samples that have to shrink one after the other. */
const ENOUGH = 8

export class Remaining {
  private phase: Progress['phase'] | undefined
  private samples: Sample[] = []

  note(at: number, { phase, states, frontier, repeats, unit }: Progress): void {
    const last = this.samples.at(-1)
    // What another round will take is not known.
    const anew = repeats === true || unit !== undefined || phase !== this.phase || states === 0
    if (anew || (last !== undefined && frontier >= last.frontier)) this.samples = []
    this.phase = phase
    this.samples.push({ at, frontier })
    if (this.samples.length > 4 * ENOUGH) this.samples.shift()
  }

  /** `about 5 s left`, or undefined where nothing can be said. */
  get text(): string | undefined {
    const [first] = this.samples
    const last = this.samples.at(-1)
    if (this.phase !== 'search' || first === undefined || last === undefined || this.samples.length < ENOUGH)
      return undefined
    const rate = (first.frontier - last.frontier) / (last.at - first.at)
    return `about ${Math.max(1, Math.round(last.frontier / rate / 1000))} s left`
  }
}
