/** Settings of `bench` that are given as lists: every combination, and what an arm is called after. */
import { hyphenated, textOf } from '../simulate/setting-names.ts'

/** One value for each setting that was given. */
export type Combination = Readonly<Record<string, unknown>>

/** Settings that say how large something is: their lists make places of their own, and not arms that are compared. */
const SIZES: readonly string[] = ['sockets', 'hogs', 'threads', 'processes', 'targets', 'pages']

/** Values of each setting, in two parts: those that make places, and those that make arms. */
export function partBySize(lists: Readonly<Record<string, readonly unknown[]>>) {
  const entries = Object.entries(lists)
  return {
    sizes: Object.fromEntries(entries.filter(([name]) => SIZES.includes(name))),
    others: Object.fromEntries(entries.filter(([name]) => !SIZES.includes(name))),
  }
}

/** Each with each; the first setting changes slowest. */
export function combinations(lists: Readonly<Record<string, readonly unknown[]>>): Combination[] {
  return Object.entries(lists).reduce<Combination[]>(
    (all, [name, values]) =>
      all.flatMap((combination) => values.map((value) => ({ ...combination, [name]: value }))),
    [{}],
  )
}

/** The part of a combination that differs between arms: `boost ipi-targets, pv-ipi on`. */
export function armLabel(
  combination: Combination,
  lists: Readonly<Record<string, readonly unknown[]>>,
): string {
  return Object.entries(combination)
    .filter(([name]) => lists[name]!.length > 1)
    .map(([name, value]) => `${hyphenated(name)} ${textOf(value)}`)
    .join(', ')
}

/** The sizes of a combination that differ between places. */
export function varyingSizes(
  combination: Combination,
  lists: Readonly<Record<string, readonly unknown[]>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(combination).flatMap(([name, value]) =>
      (lists[name]?.length ?? 0) > 1 && typeof value === 'number' ? [[name, value]] : [],
    ),
  )
}

/** `32 threads, 1 socket`; the name of a place has the hogs anyway. */
export function sizeLabel(sizes: Readonly<Record<string, number>>): string {
  return Object.entries(sizes)
    .filter(([name]) => name !== 'hogs')
    .map(([name, count]) => `${count} ${count === 1 ? singular(name) : name}`)
    .join(', ')
}

function singular(name: string): string {
  return name === 'processes' ? 'process' : name.slice(0, -1)
}

/** Those parts of a name that say something. */
export function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ')
}
