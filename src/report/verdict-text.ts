/** One result in full: the verdict, what it rests on, and the counterexample when there is one. */
import type { Liveness, SearchCounts, SymmetryReport, Verdict } from '../explore/verdict.ts'
import { formatCounterexample } from './columns.ts'
import { describeOptions } from './options-text.ts'
import { agreement, type CheckResult } from './result.ts'
import { PLAIN, type Style } from './style.ts'
import { wrap } from './wrap.ts'

/** Thousands get a comma: `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function seconds(milliseconds: number): string {
  return milliseconds < 100 ? `${Math.ceil(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}

/** `1 state`, `1,234 states`. */
export function counted(value: number, thing: string): string {
  return `${count(value)} ${thing}${Math.round(value) === 1 ? '' : 's'}`
}

/** `9,783 states, 21,004 transitions, 0.1 s`; of traces and drawn executions their number, and events. */
export function countsText({ states, transitions, milliseconds, traces, executions }: SearchCounts): string {
  const time = seconds(milliseconds)
  if (traces !== undefined) {
    const all = counted(traces.complete + traces.incomplete, 'trace')
    return `${all}, ${counted(transitions, 'event')}, ${time}`
  }
  if (executions !== undefined)
    return `${counted(executions, 'execution')}, ${counted(transitions, 'step')}, ${time}`
  return `${counted(states, 'state')}, ${counted(transitions, 'transition')}, ${time}`
}

/** What a safe verdict says about executions that go on for ever. */
function livenessText({ because, states }: Liveness): string {
  return because === 'all-end'
    ? 'no deadlock, no livelock: every execution comes to its end'
    : `no deadlock, no livelock under fair scheduling: ${counted(states, 'state')}, without reduction`
}

/** What was made of interchangeable CPUs; empty where there could be none. */
export function symmetryText(symmetry: SymmetryReport | undefined): string {
  if (symmetry === undefined) return ''
  const { classes, reason } = symmetry
  if (classes.length === 0) return `symmetry: not used: ${reason}`
  return `symmetry: ${classes.map((cpus) => cpus.join(', ')).join('; ')} are interchangeable`
}

/** What was checked: `thread: flush hyperv, free immediate, 2 CPUs, TSO`. */
export function whatText(result: CheckResult): string {
  const options = describeOptions(result.options, result)
  return options === '' ? result.scenario : `${result.scenario}: ${options}`
}

function documented(result: CheckResult, style: Style): readonly string[] {
  if (agreement(result) !== 'not as documented' || result.expected === undefined) return []
  const { verdict, property } = result.expected
  return [style.warn(`documented: ${verdict}${property === undefined ? '' : `, ${property}`}`)]
}

/** What could have hurt: reached, or out of reach. */
export function coverLines({ covers }: CheckResult, style: Style): readonly string[] {
  if (covers === undefined) return []
  if (covers.length === 0) return ['', 'This program declares no events that could hurt.']
  const lines = covers.map(({ goal, answer, witness, reason }) => {
    const paint = answer === 'reached' ? style.good : style.warn
    const how = witness === undefined ? (reason ?? '') : `after ${witness.steps.length} steps`
    return `  ${paint(answer.padEnd(11))}  ${goal}${how === '' ? '' : style.dim(`, ${how}`)}`
  })
  const none = covers.every(({ answer }) => answer === 'unreachable')
  const vacuous = none ? [style.warn('None of it can happen: this is a proof about nothing.')] : []
  return ['', 'What could have hurt:', ...lines, ...vacuous]
}

/** The text of one result, without a newline at its end. */
export function formatResult(result: CheckResult, replay?: string, style: Style = PLAIN): string {
  const { verdict } = result
  const bounds = verdict.bounds.length === 0 ? [] : wrap(`bounds: ${verdict.bounds.join('; ')}`, style.width)
  const symmetry = symmetryText(verdict.symmetry)
  const notes = [...(symmetry === '' ? [] : wrap(symmetry, style.width)), ...bounds]
  const rest = [...notes.map(style.dim), ...documented(result, style)]
  const what = whatText(result)
  switch (verdict.verdict) {
    case 'safe':
      return [
        `${style.good('safe')}  ${what}`,
        style.dim(`complete search: ${countsText(verdict.counts)}`),
        ...(verdict.liveness === undefined ? [] : [livenessText(verdict.liveness)]),
        ...rest,
        ...coverLines(result, style),
      ].join('\n')
    case 'inconclusive':
      return [
        `${style.warn('inconclusive')}  ${what}`,
        ...wrap(verdict.reason, style.width),
        ...(verdict.covered === undefined ? [] : wrap(`covered: ${verdict.covered}`, style.width)),
        style.dim(`so far, without a violation: ${countsText(verdict.counts)}`),
        ...rest,
      ].join('\n')
    case 'unsafe': {
      const about = { what, initialFacts: result.initialFacts, ...(replay === undefined ? {} : { replay }) }
      return [
        formatCounterexample(verdict.trail, about, style),
        style.dim(`search: ${countsText(verdict.counts)}`),
        ...rest,
      ].join('\n')
    }
  }
}

/** A verdict alone as text, for the message of a failed test. */
export function formatVerdict(verdict: Verdict, style: Style = PLAIN): string {
  switch (verdict.verdict) {
    case 'safe':
      return [
        `safe: complete search, ${countsText(verdict.counts)}`,
        ...(verdict.liveness === undefined ? [] : [livenessText(verdict.liveness)]),
      ].join('\n')
    case 'inconclusive':
      return `inconclusive: ${verdict.reason}; ${countsText(verdict.counts)}`
    case 'unsafe':
      return formatCounterexample(verdict.trail, {}, style)
  }
}

/** A shortest way to each event that could hurt, as diagrams. */
export function formatWitnesses({ covers = [], initialFacts }: CheckResult, style: Style): readonly string[] {
  return covers.flatMap(({ goal, witness }) => {
    if (witness === undefined) return []
    const trail = { ...witness, violation: { ...witness.violation, property: 'assertion' as const } }
    return [formatCounterexample(trail, { initialFacts, reaches: goal }, style)]
  })
}
