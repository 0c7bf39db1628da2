import { UsageError } from '../core/errors.ts'
import { TraceDecoder } from './decoder.ts'
import type { TraceEvent } from './events.ts'
import { readBytes, type SourceEnd } from './source.ts'

/**
 * Reads a recording from beginning to end, in constant memory: events come in batches, one for each chunk of
 * text. What was counted on the way (unknown events, broken lines, lost events) is in `decoder`.
 *
 * @param file plain or gzip text; `-` is standard input
 * @throws UsageError when the file cannot be read, or holds no line of a trace
 */
export async function* readTrace(
  file: string,
  decoder: TraceDecoder = new TraceDecoder(),
): AsyncGenerator<readonly TraceEvent[]> {
  const end: SourceEnd = {}
  for await (const chunk of readBytes(file, end)) {
    const events = decoder.push(chunk)
    if (events.length > 0) yield events
  }
  const events = decoder.finish()
  if (events.length > 0) yield events
  if (end.damage !== undefined) decoder.noteDamage(end.damage)
  if (decoder.events === 0) throw new UsageError(`${file}: ${whyEmpty(decoder, end)}`)
}

function whyEmpty(decoder: TraceDecoder, { damage }: SourceEnd): string {
  const first = decoder.broken[0]
  if (damage !== undefined && decoder.brokenCount === 1) return `damaged before its first event (${damage})`
  if (first === undefined) return 'no events in it; is this the text of a trace, and was anything recorded?'
  return `not a trace: line ${first.line} is ${first.why}, and so are all others`
}
