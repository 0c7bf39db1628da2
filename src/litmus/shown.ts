/** Which locations a final state shows, and in which order: registers by thread, then memory by name. */
import type { Location, Proposition } from './ast.ts'
import { compareRegisters } from './registers.ts'

/** The locations that a proposition speaks of. */
export function propositionLocations(proposition: Proposition): Location[] {
  switch (proposition.is) {
    case 'constant':
      return []
    case 'equal':
      return [proposition.location]
    case 'same':
      return [proposition.location, proposition.other]
    case 'not':
      return propositionLocations(proposition.of)
    case 'and':
    case 'or':
      return proposition.parts.flatMap(propositionLocations)
    case 'implies':
      return [...propositionLocations(proposition.left), ...propositionLocations(proposition.right)]
  }
}

/** Each location once, in order. */
export function sortedLocations(locations: readonly Location[]): Location[] {
  const sorted = [...locations].sort(compare)
  return sorted.filter((location, i) => i === 0 || compare(sorted[i - 1] as Location, location) !== 0)
}

function compare(a: Location, b: Location): number {
  if (a.is === 'register') {
    if (b.is !== 'register') return -1
    return (
      a.thread - b.thread ||
      compareRegisters(a.register, b.register) ||
      compareNames(a.register.name, b.register.name)
    )
  }
  if (b.is === 'register') return 1
  return compareNames(a.place.symbol, b.place.symbol) || a.place.index - b.place.index
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
