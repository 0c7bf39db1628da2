/** herd's files of expected answers: one test a line, `SB Allow`. */
import { UsageError } from '../core/errors.ts'
import type { Observation, Quantifier } from './ast.ts'

export type Kind = 'Allow' | 'Forbid' | 'Require'

const LINE = /^(?<name>\S+)\s+(?<kind>Allow|Forbid|Require)(?:ed|den|d)?$/

export function parseKinds(file: string, text: string): Map<string, Kind> {
  const kinds = new Map<string, Kind>()
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.replace(/#.*/, '').trim()
    if (trimmed === '') continue
    const { name, kind } = LINE.exec(trimmed)?.groups ?? {}
    if (name === undefined)
      throw new UsageError(`${file}:${i + 1}: "NAME Allow", "NAME Forbid" or "NAME Require" expected`)
    kinds.set(name, kind as Kind)
  }
  return kinds
}

/** Whether what was observed of a test's proposition is of the kind. */
export function isOfKind(kind: Kind, observation: Observation, quantifier: Quantifier): boolean {
  switch (kind) {
    case 'Allow':
      return observation !== 'Never'
    case 'Forbid':
      // Of `forall p`, what is forbidden is a state without p.
      return quantifier === 'forall' ? observation === 'Always' : observation === 'Never'
    case 'Require':
      return observation === 'Always'
  }
}
