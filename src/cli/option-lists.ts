/** Comma-separated values of options, and the cells of the table that they make. */
import { UsageError } from '../core/errors.ts'
import { OPTION_FLAGS, OPTION_NAMES } from '../report/options-text.ts'
import { didYouMean } from '../run/nearest.ts'
import type { OptionValues, ScenarioInfo } from '../run/protocol.ts'
import { DEFAULT_OPTIONS, type MemoryModel, type ScenarioOptions } from '../scenarios/scenario.ts'

type Option = keyof ScenarioOptions

/** For each option that was given, the values that were given. */
export type OptionLists = { readonly [K in Option]?: readonly ScenarioOptions[K][] }

/** What commander gives: the text of each option. */
export type RawOptions = Readonly<Partial<Record<Option, string>>>

const MEMORY_MODELS: readonly MemoryModel[] = ['tso', 'sc']

function items(text: string, flag: string): readonly string[] {
  const values = text.split(',').map((value) => value.trim())
  if (values.some((value) => value === ''))
    throw new UsageError(`${flag} ${text}: a name is missing in the list`)
  return [...new Set(values)]
}

function oneOf<T extends string>(value: string, known: readonly T[], flag: string): T {
  const found = known.find((candidate) => candidate === value.toLowerCase())
  if (found !== undefined) return found
  throw new UsageError(`${flag} ${value}: unknown${didYouMean(value, known)}; known: ${known.join(', ')}`)
}

function integer(value: string, flag: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= least && number <= most) return number
  throw new UsageError(`${flag} ${value}: must be a whole number from ${least} to ${most}`)
}

/** Reads the options' lists. Throws a {@link UsageError} for a value that is not known, naming the nearest one that is. */
export function readOptionLists(raw: RawOptions, values: OptionValues): OptionLists {
  const list = <T>(option: Option, read: (item: string, flag: string) => T): readonly T[] | undefined => {
    const text = raw[option]
    const flag = OPTION_FLAGS[option]
    return text === undefined ? undefined : items(text, flag).map((item) => read(item, flag))
  }
  const lists = {
    cpus: list('cpus', (item, flag) => integer(item, flag, 2, 8)),
    memoryModel: list('memoryModel', (item, flag) => oneOf(item, MEMORY_MODELS, flag)),
    levels: list('levels', (item, flag): 4 | 5 => (integer(item, flag, 4, 5) === 4 ? 4 : 5)),
    flush: list('flush', (item, flag) => oneOf(item, values.flush, flag)),
    free: list('free', (item, flag) => oneOf(item, values.free, flag)),
    walker: list('walker', (item, flag) => oneOf(item, values.walker, flag)),
    profile: list('profile', (item, flag) => oneOf(item, values.profile, flag)),
  }
  return Object.fromEntries(Object.entries(lists).filter(([, value]) => value !== undefined)) as OptionLists
}

/** An option that none of the scenarios takes notice of would silently change nothing: that is a mistake. */
export function refuseUnused(lists: OptionLists, scenarios: readonly ScenarioInfo[]): void {
  for (const option of OPTION_NAMES) {
    if (lists[option] === undefined || scenarios.some((one) => one.uses.includes(option))) continue
    const used = [...new Set(scenarios.flatMap((one) => one.uses))].map((name) => OPTION_FLAGS[name])
    const names = scenarios.map((one) => one.name).join(', ')
    const takes = used.length === 0 ? 'no options' : used.join(', ')
    throw new UsageError(`${OPTION_FLAGS[option]} changes nothing in ${names}, which takes ${takes}`)
  }
}

/** All combinations of the given values, for one scenario; what it takes no notice of makes no cells. */
export function combinations(lists: OptionLists, scenario: ScenarioInfo): readonly ScenarioOptions[] {
  let cells: readonly ScenarioOptions[] = [{ ...DEFAULT_OPTIONS, ...scenario.defaults }]
  for (const option of OPTION_NAMES) {
    const values = lists[option]
    if (values === undefined || !scenario.uses.includes(option)) continue
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [option]: value })))
  }
  return cells
}
