/** The command by which a user runs one arm of a row. */
import { flagOf, textOf } from '../setting-names.ts'
import type { Setting } from './row.ts'

/** Arguments of `shootdown`: `['bench', 'ipi', '--pcpus', '80', ...]`. */
export function commandOf(setting: Setting): string[] {
  const { workload, machine, flush = 'native', free = 'rcu', knobs = {}, milliseconds } = setting
  const options = {
    flush,
    free,
    ...machine,
    ...knobs,
    ...(milliseconds !== undefined && { ms: milliseconds }),
  }
  return [
    'bench',
    workload,
    ...Object.entries(options).flatMap(([key, value]) => [flagOf(key), textOf(value)]),
  ]
}
