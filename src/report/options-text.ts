/** Options of a scenario in words and as command-line flags. */
import { DEFAULT_OPTIONS, type Scenario, type ScenarioOptions } from '../scenarios/scenario.ts'

/** The flag of each option, in the order in which they are printed. */
export const OPTION_FLAGS: Readonly<Record<keyof ScenarioOptions, string>> = {
  flush: '--flush',
  free: '--free',
  walker: '--walker',
  profile: '--profile',
  cpus: '--cpus',
  memoryModel: '--memory-model',
  levels: '--levels',
}

const WORDS: Readonly<Record<keyof ScenarioOptions, (value: string) => string>> = {
  flush: (value) => `flush ${value}`,
  free: (value) => `free ${value}`,
  walker: (value) => `walker ${value}`,
  profile: (value) => `profile ${value}`,
  cpus: (value) => `${value} CPUs`,
  memoryModel: (value) => value.toUpperCase(),
  levels: (value) => `${value} levels`,
}

export const OPTION_NAMES = Object.keys(OPTION_FLAGS) as readonly (keyof ScenarioOptions)[]

type Uses = Pick<Scenario, 'uses'>

/** `flush hyperv, free rcu, 2 CPUs, TSO, 4 levels`: what a scenario takes notice of, except `without`. */
export function describeOptions(
  options: ScenarioOptions,
  { uses }: Uses,
  without: readonly (keyof ScenarioOptions)[] = [],
): string {
  return OPTION_NAMES.filter((name) => uses.includes(name) && !without.includes(name))
    .map((name) => WORDS[name](String(options[name])))
    .join(', ')
}

/** One option in words: `flush hyperv`. */
export function describeOption(name: keyof ScenarioOptions, options: ScenarioOptions): string {
  return WORDS[name](String(options[name]))
}

/** The flags that give these options to this scenario: those that it uses and that are not its defaults anyway. */
export function optionFlags(
  options: ScenarioOptions,
  scenario: {
    readonly uses: readonly (keyof ScenarioOptions)[]
    readonly defaults?: Partial<ScenarioOptions>
  },
): readonly string[] {
  const usual = { ...DEFAULT_OPTIONS, ...scenario.defaults }
  return OPTION_NAMES.filter((name) => scenario.uses.includes(name) && options[name] !== usual[name]).flatMap(
    (name) => [OPTION_FLAGS[name], String(options[name])],
  )
}
