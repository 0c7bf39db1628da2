/** The sources of all processes in one numbering, with what their handlers may touch. */
import { mayLearn } from '../core/learning.ts'
import type { Process, Source } from '../core/program.ts'
import { BitRows } from './bit-rows.ts'
import type { Recorder } from './recorder.ts'

export class Handlers {
  readonly sources: readonly Source[]
  /** Number of a process's first source; one entry more than there are processes. */
  readonly first: readonly number[]
  /** Footprints of the sources themselves. */
  readonly own: BitRows
  private readonly rowsOf: BitRows
  /** The same without the sources' own footprints. */
  private readonly frames: BitRows
  private readonly stamps: number[]
  /** First nodes of the frames that each source has started so far, by raw value. */
  private readonly roots: Map<number, number>[]
  private readonly recorder: Recorder

  constructor(processes: readonly Process[], recorder: Recorder, cells: number) {
    this.recorder = recorder
    this.sources = processes.flatMap((process) => process.sources)
    const first = [0]
    for (const process of processes) first.push(first.at(-1)! + process.sources.length)
    this.first = first
    this.own = new BitRows(cells)
    this.rowsOf = new BitRows(cells)
    this.frames = new BitRows(cells)
    this.roots = this.sources.map(() => new Map())
    this.stamps = this.sources.map(() => -1)
    for (const [index, source] of this.sources.entries()) {
      this.own.addOwn(index, source.footprint)
      this.rowsOf.merge(index, this.own, index)
      this.frames.base(index)
    }
  }

  /** See {@link Recorder.hasLoops}. */
  get hasLoops(): boolean {
    return this.recorder.hasLoops
  }

  /** The first node of the frame that a source starts for a raw value. */
  root(index: number, raw: number): number {
    const known = this.roots[index]!
    let root = known.get(raw)
    if (root === undefined) {
      mayLearn()
      const { fn, args } = this.sources[index]!.frame(raw)
      root = this.recorder.root(fn, args)
      known.set(raw, root)
      this.recorder.futures.growth++
    }
    return root
  }

  /** Record `index` of the result: delivery and everything that the handlers known so far may touch. */
  rows(index: number): BitRows {
    const { growth, future } = this.recorder.futures
    if (this.stamps[index] !== growth) {
      for (const root of this.roots[index]!.values()) this.frames.merge(index, future, root)
      this.rowsOf.merge(index, this.frames, index)
      this.stamps[index] = growth
    }
    return this.rowsOf
  }

  /** Record `index` of the result: what the frames known so far may touch. */
  frameRows(index: number): BitRows {
    this.rows(index)
    return this.frames
  }
}
