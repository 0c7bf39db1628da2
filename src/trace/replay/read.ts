import { UsageError } from '../../core/errors.ts'
import { TraceDecoder } from '../decoder.ts'
import { readTrace } from '../reader.ts'
import { findSidecar, kernelOf } from '../sidecar.ts'
import { type Extracted, Extractor } from './extract.ts'
import type { RecordedFigures } from './stream.ts'

/** A recording, ready to be put on vCPUs. */
export interface Replayable extends Omit<Extracted, 'figures'> {
  readonly name: string
  /** Version of the recorded kernel, where a sidecar tells it. */
  readonly kernel: string | undefined
  readonly figures: RecordedFigures
}

/**
 * Reads a recording up to a number of flushes.
 *
 * @param mhz rate of a cycle clock that no sidecar tells
 * @throws UsageError when something is missing without which nothing can be replayed
 */
export async function readReplay(file: string, most: number, mhz?: number): Promise<Replayable> {
  const sidecar = await findSidecar(file)
  const decoder = new TraceDecoder()
  const extractor = new Extractor(kernelOf(sidecar))
  let cut = false
  read: for await (const events of readTrace(file, decoder)) {
    for (const event of events) {
      extractor.add(event)
      cut = extractor.flushes >= most
      if (cut) break read
    }
  }
  const extracted = extractor.finish(file)
  const rate = mhz ?? sidecar?.tsc_mhz
  if (decoder.clock === 'cycles' && rate === undefined) {
    throw new UsageError(
      `${file}: its clock counts cycles of an unknown rate; give it with --mhz, or trace_clock mono`,
    )
  }
  const perMicrosecond = decoder.clock === 'cycles' ? rate! : 1
  const { figures } = extracted
  const micros = (time: number) => time / perMicrosecond
  return {
    ...extracted,
    name: sidecar?.name ?? file.replace(/^.*\//, '').replace(/(\.trace)?(\.txt)?(\.gz)?$/, ''),
    kernel: kernelOf(sidecar),
    cpus: extracted.cpus.map(({ segments, idle }) => ({
      segments: segments.map(({ time, steps }) => ({
        time: micros(time),
        steps: steps.map((step) => {
          const at = micros(step.at)
          return 'work' in step ? { ...step, at, work: micros(step.work) } : { ...step, at }
        }),
      })),
      idle: idle.map(([from, to]) => [micros(from), micros(to)] as const),
    })),
    figures: {
      ...figures,
      span: micros(figures.span),
      work: micros(figures.work),
      quickest: figures.quickest === undefined ? undefined : micros(figures.quickest),
      cut,
    },
  }
}
