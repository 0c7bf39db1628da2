import { TraceDecoder } from '../../src/trace/decoder.ts'
import type { TraceEvent } from '../../src/trace/events.ts'

/** The events of some lines. */
export function eventsOf(text: string): readonly TraceEvent[] {
  const decoder = new TraceDecoder()
  return [...decoder.push(Buffer.from(text)), ...decoder.finish()]
}

/** Some lines, decoded: the decoder with its counts. */
export function decoderOf(text: string | Buffer): TraceDecoder {
  const decoder = new TraceDecoder()
  decoder.push(Buffer.from(text))
  decoder.finish()
  return decoder
}

/** A line as `trace` prints it, from its event on. */
export function ftraceLine(event: string): string {
  return `       wl_munmap-357     [001] d..2.   106.458314: ${event}\n`
}
