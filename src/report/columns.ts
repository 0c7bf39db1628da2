/**
 * A counterexample in the form that kernel people paste into mails: what is lost and where, one column a CPU, one step a
 * line, what changes beside it, and the command that shows it again.
 */
import type { Trail } from '../explore/verdict.ts'
import { makeDiagram } from './diagram.ts'
import { lassoLines } from './lasso-text.ts'
import { layDiagram } from './layout.ts'
import { PLAIN, type Style } from './style.ts'
import { wrap } from './wrap.ts'

export interface CounterexampleText {
  /** What was checked: `thread, flush hyperv, free immediate, 2 CPUs`. */
  readonly what?: string
  /** The command that shows this again. */
  readonly replay?: string
  /** It is no counterexample, but a witness: what its last step makes true. */
  readonly reaches?: string
  /** What the program says of its initial state. */
  readonly initialFacts?: readonly string[]
}

function legend(
  uses: { readonly masked: boolean; readonly buffered: boolean },
  style: Style,
): readonly string[] {
  const words = [
    ...(uses.masked ? [`${style.bar} interrupts off (IF=0)`] : []),
    ...(uses.buffered ? ["(buffered) still in the CPU's store buffer; drain: reaches memory"] : []),
  ]
  return words.length === 0 ? [] : ['', ...wrap(`${words.join('; ')}`, style.width).map(style.dim)]
}

/** `a shortest interleaving: 14 steps (3 that play no part are not shown), 5 switches between CPUs`. */
function lengthOf(trail: Trail, hidden: number): string {
  const { lasso } = trail
  const count = (n: number, thing: string) =>
    `${n} ${thing}${n === 1 ? '' : thing.endsWith('h') ? 'es' : 's'}`
  const not = hidden === 0 ? '' : ` (${hidden} that play no part are not shown)`
  if (lasso !== undefined) {
    const round = trail.steps.length - lasso.stem
    return `a lasso: ${count(lasso.stem, 'step')}, then ${round} that repeat${round === 1 ? 's' : ''} for ever${not}`
  }
  const size = `${count(trail.steps.length, 'step')}${not}, ${count(trail.switches, 'switch')} between CPUs`
  return trail.length === 'proved-shortest'
    ? `a shortest interleaving: ${size}`
    : `no step can be dropped; not proved shortest: ${size}`
}

/** The counterexample as text, without a newline at its end. */
export function formatCounterexample(
  trail: Trail,
  about: CounterexampleText = {},
  style: Style = PLAIN,
): string {
  const { property, message } = trail.violation
  const { reaches } = about
  const head =
    reaches === undefined
      ? wrap(`${property}: ${message}`, style.width).map((text) => style.bad(text))
      : wrap(`reached: ${reaches}`, style.width).map((text) => style.good(text))
  const what = about.what === undefined ? [] : wrap(about.what, style.width).map(style.dim)
  const facts = about.initialFacts ?? []
  const first = facts.length === 0 ? [] : ['', ...wrap(`At first: ${facts.join('; ')}.`, style.width)]
  if (trail.steps.length === 0) return [...head, ...what].join('\n')
  const diagram = makeDiagram(trail, about.initialFacts)
  const body = layDiagram(diagram, style, reaches === undefined ? property : 'reached')
  const replay = about.replay === undefined ? [] : [`replay:  ${about.replay}`]
  const end = [
    ...(trail.lasso === undefined ? [] : lassoLines(trail.lasso, style)),
    ...legend(diagram.uses, style),
    '',
    ...wrap(lengthOf(trail, diagram.hidden), style.width).map(style.dim),
    ...replay,
  ]
  return [...head, ...what, ...first, '', ...body, ...end].join('\n')
}
