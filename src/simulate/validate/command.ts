/** The command by which a user runs one arm of a row. */
import type { Setting } from './row.ts'

/** `--pv-ipi` of `pvIpi`. */
function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, cost]) => `${name}=${cost}`)
      .join(',')
  return String(value)
}

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
