/** What `shootdown traces` says, as text and as a document. */
import type { TraceCount } from '../explore/dpor/count-traces.ts'
import type { ScenarioOptions } from '../scenarios/scenario.ts'
import { JSON_FORMAT } from './json.ts'
import { describeOptions, OPTION_NAMES } from './options-text.ts'
import type { Style } from './style.ts'
import { count, seconds } from './verdict-text.ts'

/** One scenario with one set of options. */
export interface TraceResult extends TraceCount {
  readonly scenario: string
  readonly title: string
  readonly file?: string
  readonly options: ScenarioOptions
  readonly uses: readonly (keyof ScenarioOptions)[]
}

export interface TracesDocument {
  readonly format: typeof JSON_FORMAT
  readonly command: 'traces'
  readonly status: 0 | 3
  readonly results: readonly TraceResultDocument[]
}

export type TraceResultDocument = Omit<TraceResult, 'uses' | 'options'> & {
  /** All together; of what was explored, if there is a `reason`. */
  readonly traces: number
  readonly options: Partial<ScenarioOptions>
}

const total = ({ complete, blocked, halted }: TraceCount) => complete + blocked + halted

export function tracesStatus(results: readonly TraceResult[]): 0 | 3 {
  return results.some(({ reason }) => reason !== undefined) ? 3 : 0
}

export function tracesDocument(results: readonly TraceResult[]): TracesDocument {
  return {
    format: JSON_FORMAT,
    command: 'traces',
    status: tracesStatus(results),
    results: results.map(({ uses, options, ...result }) => ({
      ...result,
      options: Object.fromEntries(
        OPTION_NAMES.filter((name) => uses.includes(name)).map((name) => [name, options[name]]),
      ),
      traces: total(result),
    })),
  }
}

/** One paragraph a result: the number first. */
export function formatTraces(results: readonly TraceResult[], style: Style): string {
  return results.map((result) => formatOne(result, style)).join('\n')
}

function formatOne(result: TraceResult, style: Style): string {
  const options = describeOptions(result.options, result)
  const what = options === '' ? result.scenario : `${result.scenario}: ${options}`
  const { complete, blocked, halted, events, milliseconds, violations, reason } = result
  const all = total(result)
  if (reason !== undefined && all === 0) return `${style.warn('not counted')}  ${what}\n  ${reason}`
  const number = `${reason === undefined ? '' : 'at least '}${count(all)} trace${all === 1 ? '' : 's'}`
  const kinds = `${count(complete)} complete, ${count(blocked)} blocked, ${count(halted)} halted`
  return [
    `${style.bold(number)}  ${what}`,
    `  ${kinds}; ${style.dim(`${count(events)} events, ${seconds(milliseconds)}`)}`,
    ...(reason === undefined ? [] : [`  ${style.warn('not all')}: ${reason}`]),
    ...violations.map((violation) => `  ${style.bad('violates')} ${violation}`),
  ].join('\n')
}
