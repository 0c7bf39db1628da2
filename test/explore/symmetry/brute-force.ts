/** Permutations of the states of a program, by trying all of them: shares nothing with the explorer. */
import type { Permutation } from '../../../src/core/cells.ts'
import type { Program } from '../../../src/core/program.ts'
import { MASKS, type Plan, renamedMask } from './programs.ts'

/** All permutations of a plan's interchangeable CPUs. */
export function permutations({ cpus, leader }: Plan): readonly Permutation[] {
  const all = Array.from({ length: cpus }, (_, cpu) => cpu)
  const fixed = leader === undefined ? [] : [0]
  const orders = (rest: readonly number[]): (readonly number[])[] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((cpu) => orders(rest.filter((other) => other !== cpu)).map((more) => [cpu, ...more]))
  return orders(all.slice(fixed.length)).map((order) => [...fixed, ...order])
}

/** The cells of a state under a permutation. */
export function permutedCells(
  { cells }: Program,
  values: readonly number[],
  permutation: Permutation,
): number[] {
  const result: number[] = []
  const named = new Map(cells.cells.map(({ name }, cell) => [name, cell]))
  for (const [cell, { name, renamed }] of cells.cells.entries()) {
    const value = values[cell]!
    result[named.get(permutedName(name, permutation))!] = renamed?.(value, permutation) ?? value
  }
  return result
}

function permutedName(name: string, permutation: Permutation): string {
  return name.replace(/\[(\d+)(?:->(\d+))?\]/, (_, a: string, b: string | undefined) => {
    const more = b === undefined ? '' : `->${permutation[Number(b)]}`
    return `[${permutation[Number(a)]}${more}]`
  })
}

/** The text of a terminal state (`cells | fates`) under the permutation that makes it smallest. */
export function smallestTerminal(program: Program, plan: Plan, terminal: string): string {
  const [cells, fates] = terminal.split(' | ').map((part) => part.split(' ')) as [string[], string[]]
  const texts = permutations(plan).map((permutation) => {
    const permuted: string[] = []
    for (const [cpu, fate] of fates.entries()) permuted[permutation[cpu]!] = fate
    return `${permutedCells(program, cells.map(Number), permutation).join(' ')} | ${permuted.join(' ')}`
  })
  return texts.sort()[0]!
}

/** The name of a violation without the numbers of interchangeable CPUs. */
export function anonymous({ leader }: Plan, violation: string): string {
  const interchangeable = leader === undefined ? /\bP\d+/g : /\bP[1-9]\d*/g
  const text = violation.replace(interchangeable, 'P*').replace(/mark\[.*?\]|own\[.*?\]/g, 'cell')
  return text.includes('nobody can move: ') ? text.split(/: |, /).sort().join(', ') : text
}

interface NaiveProcess {
  readonly frames: readonly {
    readonly args: readonly unknown[]
    readonly history: readonly ({ readonly raw: number } | { readonly result: unknown })[]
    readonly fn: { readonly name: string }
  }[]
  readonly buffer: readonly { readonly key: string }[]
  readonly halted: boolean
}

/** The text of a whole state of the naive enumerator under the permutation that makes it smallest. */
export function smallestState(
  program: Program,
  plan: Plan,
  state: { readonly cells: readonly number[]; readonly processes: readonly NaiveProcess[] },
): string {
  const texts = permutations(plan).map((permutation) => {
    const raw = (value: number) => (value < MASKS ? value : MASKS + renamedMask(value - MASKS, permutation))
    const commit = (key: string) => {
      const [name, value] = key.split(' = ') as [string, string]
      const to = name === 'published' ? renamedMask(Number(value), permutation) : value
      return `${permutedName(name, permutation)} = ${to}`
    }
    const processes: unknown[] = []
    for (const [cpu, { frames, buffer, halted }] of state.processes.entries()) {
      processes[permutation[cpu]!] = [
        frames.map(({ fn, args: [of, code, mask], history }) => [
          fn.name,
          permutation[of as number],
          code ?? '',
          renamedMask((mask as number | undefined) ?? 0, permutation),
          history.map((given) => ('raw' in given ? raw(given.raw) : `returned ${given.result}`)),
        ]),
        buffer.map(({ key }) => commit(key)),
        halted,
      ]
    }
    return JSON.stringify([permutedCells(program, state.cells, permutation), processes])
  })
  return texts.sort()[0]!
}
