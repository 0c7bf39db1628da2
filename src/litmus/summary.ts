/** herd's kind of summary. */
import type { Constant, Proposition } from './ast.ts'
import { KINDS, type LitmusResult, showLocation } from './run.ts'

/** The block that herd prints for a test, without its last lines (time and hash). */
export function formatResult(result: LitmusResult): string {
  const { test, quantifier, states, ok, positive, negative, observation, tooFar } = result
  const [witnesses, others] = quantifier === '~exists' ? [negative, positive] : [positive, negative]
  return [
    `Test ${test.name} ${KINDS[quantifier]}`,
    `States ${states.length}`,
    ...states.map(({ values }) => values.map(({ location, value }) => `${location}=${value};`).join(' ')),
    `${tooFar ? 'Loop ' : ''}${ok ? 'Ok' : 'No'}`,
    'Witnesses',
    `Positive: ${witnesses} Negative: ${others}`,
    `Condition ${quantifier} ${showCondition(test.condition.proposition)}`,
    `Observation ${test.name} ${observation} ${positive} ${negative}`,
  ].join('\n')
}

function showCondition(proposition: Proposition): string {
  return proposition.is === 'constant' ? showProposition(proposition) : `(${showProposition(proposition)})`
}

/** `0:rax=0 /\ (x=1 \/ not (y=2))`. */
export function showProposition(proposition: Proposition): string {
  switch (proposition.is) {
    case 'constant':
      return String(proposition.value)
    case 'equal':
      return `${showLocation(proposition.location)}=${showConstant(proposition.constant)}`
    case 'same':
      return `${showLocation(proposition.location)}=${showLocation(proposition.other)}`
    case 'not':
      return `not (${showProposition(proposition.of)})`
    case 'and':
      return proposition.parts.map((part) => enclosed(part, ['or'])).join(' /\\ ')
    case 'or':
      return proposition.parts.map((part) => enclosed(part, [])).join(' \\/ ')
    case 'implies':
      return `${enclosed(proposition.left, ['or', 'and', 'implies'])} => ${enclosed(proposition.right, ['or', 'and'])}`
  }
}

function enclosed(proposition: Proposition, which: readonly Proposition['is'][]): string {
  const text = showProposition(proposition)
  return which.includes(proposition.is) ? `(${text})` : text
}

function showConstant(constant: Constant): string {
  if (constant.is === 'number') return String(constant.value)
  const { symbol, index } = constant.place
  return index === 0 ? symbol : `${symbol}[${index}]`
}
