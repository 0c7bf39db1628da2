/** Verdicts of the second engine. */
import type { Program } from '../../core/program.ts'
import { Clock } from '../clock.ts'
import { firstWidths } from '../engine.ts'
import { shortest } from '../shortest.ts'
import { makeTrail } from '../trail.ts'
import type { CheckOptions, SearchCounts, Verdict } from '../verdict.ts'
import { type DporResult, dpor } from './dpor.ts'

/** As `check`: `safe` when every trace has been explored. The counterexample is made shortest by the search over states. */
export function checkTraces(program: Program, options: CheckOptions): Verdict {
  const result = dpor(program, options)
  const { bounds } = program
  const counts = countsOf(result)
  const { violating, reason, automata } = result
  if (violating !== undefined) {
    const trail = makeTrail(program, [violating], options, (limit) =>
      shortest(automata, firstWidths(program), new Clock(options), options, limit),
    )
    return { verdict: 'unsafe', property: trail.violation.property, trail, counts, bounds }
  }
  if (reason !== undefined) return { verdict: 'inconclusive', reason, counts, bounds }
  return { verdict: 'safe', counts, bounds }
}

function countsOf({ traces, automata, milliseconds }: DporResult): SearchCounts {
  const { complete, blocked, halted, events } = traces
  return {
    states: events + 1,
    transitions: events,
    nodes: automata.recorder.size,
    rounds: 1,
    milliseconds,
    bytesPerState: 0,
    traces: { complete, incomplete: blocked + halted },
  }
}
