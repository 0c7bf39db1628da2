/** The scenarios whose mutants are in `docs/mutants.md`, and what the explorer says of each. */
import { check } from '../src/explore/check.ts'
import { type Site, sitesOf } from '../src/explore/needs.ts'
import type { Verdict } from '../src/explore/verdict.ts'
import { describeOptions } from '../src/report/options-text.ts'
import { SCENARIOS } from '../src/scenarios/registry.ts'
import { DEFAULT_OPTIONS, type Scenario, type ScenarioOptions } from '../src/scenarios/scenario.ts'

/** One scenario with its options. */
export interface MutantCase extends ScenarioOptions {
  readonly scenario: string
}

export interface Mutant {
  readonly site: Site
  readonly without: Verdict
}

function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (found === undefined) throw new RangeError(`no scenario ${name}`)
  return found
}

function of(scenario: string, options: Partial<ScenarioOptions> = {}): MutantCase {
  return { ...DEFAULT_OPTIONS, ...scenarioNamed(scenario).defaults, ...options, scenario }
}

/** The backends with every policy that is safe for walkers with interrupts off; then other walkers, other protocols, traps. */
export const MUTANT_CASES: readonly MutantCase[] = [
  ...['immediate', 'rcu', 'ipi-sync'].map((free) => of('thread', { flush: 'native', free })),
  ...['hyperv', 'xen', 'kvm'].flatMap((flush) =>
    ['rcu', 'ipi-sync'].map((free) => of('thread', { flush, free })),
  ),
  ...['immediate', 'rcu'].map((free) => of('thread', { flush: 'serialize', free })),
  ...['native', 'hyperv'].map((flush) => of('thread', { flush, free: 'rcu', walker: 'rcu' })),
  of('thread', { flush: 'native', walker: 'nmi' }),
  of('thread', { flush: 'hyperv', free: 'rcu', walker: 'nmi' }),
  of('thread', { flush: 'xen', free: 'rcu', walker: 'xen-spurious' }),
  of('rcu-batch-fails'),
  of('rcu-batch-fails', { flush: 'hyperv' }),
  of('thp-collapse'),
  of('thp-collapse-stale-pin-fixed'),
  of('thp-split'),
  of('thp-split', { flush: 'hyperv' }),
  of('boot-order'),
  of('input-page-irqs-off'),
  of('switch-during-flush'),
  of('pte-lock'),
  of('pmd-lock'),
]

/** `thread: flush native, free rcu, walker gup-fast, 2 CPUs, TSO, 4 levels`. */
export function caseName(which: MutantCase): string {
  const scenario = scenarioNamed(which.scenario)
  const options = describeOptions(which, scenario, ['profile', 'cpus', 'memoryModel', 'levels'])
  return options === '' ? which.scenario : `${which.scenario}: ${options}`
}

/** Checks every mutant of a case. Throws when the case is not safe as it is. */
export function mutantsOf(which: MutantCase, options: { readonly shortest: boolean }): readonly Mutant[] {
  const build = () => scenarioNamed(which.scenario).build(which)
  const base = check(build(), { shortest: false })
  if (base.verdict !== 'safe') throw new Error(`${caseName(which)} is ${base.verdict} as it is`)
  const { sites, complete } = sitesOf(build())
  if (!complete) throw new Error(`${caseName(which)}: not every operation was met`)
  return sites.map((site) => ({
    site,
    without: check(build(), { ...options, without: new Set([site.site]) }),
  }))
}
