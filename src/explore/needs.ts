/**
 * What is load-bearing: each barrier, flush, IPI, wait, interrupts-off region, lock and grace period of a program is left out
 * in turn, and the program checked again (EXPLORER 20).
 */
import type { Removable } from '../core/operation.ts'
import type { Program } from '../core/program.ts'
import { Automata } from './automata.ts'
import { Clock } from './clock.ts'
import { firstWidths } from './engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import { searchUntilStable } from './stable.ts'
import type { CheckOptions } from './verdict.ts'
import { type SourceLine, withCallSites } from './where.ts'

/** One thing that can be left out. */
export interface Site extends Removable {
  /** Operations that stand there, as the diagrams print them. */
  readonly labels: readonly string[]
  /** Where in the code the first of them is yielded. */
  readonly line?: SourceLine
}

/** Everything that can be left out of a program. */
export interface Sites {
  readonly sites: readonly Site[]
  /** The search has met every operation that can be reached: what is not among the sites is not reached. */
  readonly complete: boolean
}

interface Known {
  readonly removable: Removable
  readonly labels: Set<string>
}

/** Everything that can be left out of a program, by site: what a search meets. */
export function sitesOf(program: Program, options: CheckOptions = {}): Sites {
  const { value: searched, lines } = withCallSites(() => {
    // Frames run to their first operation as soon as they are recorded.
    const automata = new Automata(program, {
      operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
      without: new Set(),
    })
    const { result } = searchUntilStable(automata, firstWidths(program), new Clock(options), options)
    return { operations: automata.recorder.operations, outcome: result.outcome }
  })
  const known = new Map<string, Known>()
  for (const operation of searched.operations) {
    const removable = operation?.removable
    if (operation === undefined || removable === undefined) continue
    const site = known.get(removable.site) ?? { removable, labels: new Set<string>() }
    site.labels.add(operation.label)
    known.set(removable.site, site)
  }
  const sites = [...known.values()].map(({ removable, labels }): Site => {
    const line = lines.get(removable.site)
    return { ...removable, labels: [...labels], ...(line === undefined ? {} : { line }) }
  })
  sites.sort((a, b) => a.what.localeCompare(b.what) || a.site.localeCompare(b.site))
  return { sites, complete: searched.outcome === 'complete' }
}

/** What to leave out first when a small sufficient set is sought: waits before the IPIs that they wait for. */
const LEAVE_OUT_FIRST: readonly Removable['what'][] = [
  'lock',
  'irq-off',
  'barrier',
  'wait',
  'ipi',
  'grace-period',
  'flush',
]

/**
 * A set of sites that is enough for safety, and of which none can be left out: two that cover for each other are each
 * redundant alone, and one of them is in the set.
 *
 * @param isSafe - whether a complete search is safe without all of these
 */
export async function minimalSufficientSet<T extends Removable>(
  sites: readonly T[],
  isSafe: (without: readonly string[]) => Promise<boolean>,
): Promise<readonly T[]> {
  const rank = ({ what }: T) => LEAVE_OUT_FIRST.indexOf(what)
  let kept = [...sites].sort((a, b) => rank(a) - rank(b))
  const left: string[] = []
  // Leaving one out may make another one superfluous (a wait, and then the IPI), so until a round changes nothing.
  for (let changed = true; changed; ) {
    changed = false
    for (const site of kept) {
      if (!(await isSafe([...left, site.site]))) continue
      left.push(site.site)
      kept = kept.filter((other) => other !== site)
      changed = true
    }
  }
  return sites.filter((site) => kept.includes(site))
}
