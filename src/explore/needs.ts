/**
 * What is load-bearing: each barrier, flush, IPI, wait, interrupts-off region, lock and grace period of a program is left out
 * in turn, and the program checked again (EXPLORER 20).
 */
import type { Removable } from '../core/operation.ts'
import type { Program } from '../core/program.ts'
import { Automata } from './automata.ts'
import { check } from './check.ts'
import { Clock } from './clock.ts'
import { firstWidths } from './engine.ts'
import { DEFAULT_OPERATIONS_PER_CALL } from './limits.ts'
import { searchUntilStable } from './stable.ts'
import type { CheckOptions, Verdict } from './verdict.ts'

/** One thing that can be left out. */
export interface Site extends Removable {
  /** Operations that stand there, as the diagrams print them. */
  readonly labels: readonly string[]
}

export interface Need {
  readonly site: Site
  /** What the search says without it. */
  readonly without: Verdict
}

/** Everything that can be left out of a program, by site: what a complete search has met. */
export function sitesOf(program: Program, options: CheckOptions = {}): Site[] {
  const automata = new Automata(program, {
    operationsPerCall: options.maxOperationsPerCall ?? DEFAULT_OPERATIONS_PER_CALL,
    without: new Set(),
  })
  searchUntilStable(automata, firstWidths(program), new Clock(options), options)
  const sites = new Map<string, { removable: Removable; labels: Set<string> }>()
  for (const operation of automata.recorder.operations) {
    const removable = operation?.removable
    if (operation === undefined || removable === undefined) continue
    const known = sites.get(removable.site) ?? { removable, labels: new Set<string>() }
    known.labels.add(operation.label)
    sites.set(removable.site, known)
  }
  return [...sites.values()]
    .map(({ removable, labels }) => ({ ...removable, labels: [...labels] }))
    .sort((a, b) => a.what.localeCompare(b.what) || a.site.localeCompare(b.site))
}

/**
 * Checks a program once without each of its sites.
 *
 * @param build - makes the program anew for each mutant
 */
export function* needs(build: () => Program, options: CheckOptions = {}): Generator<Need> {
  for (const site of sitesOf(build(), options)) {
    yield { site, without: check(build(), { ...options, without: new Set([site.site]) }) }
  }
}
