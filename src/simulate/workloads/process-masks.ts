/**
 * What switching between processes does to their `mm_cpumask`s, each in a line of its own. Until 209954cbc7 (6.14) a switch clears the
 * own bit in one mask and sets it in the other: the line of a process that has last run elsewhere comes from there. Since then bits
 * stay, a bit that is set already is only read, and lines are shared by those who read them.
 */
import type { Task } from '../../core/operation.ts'
import type { Machine } from '../../machine/machine.ts'
import { load, type Variable } from '../../machine/variables.ts'
import { contended } from '../operations.ts'

/** The masks of processes, and who runs which. */
export interface ProcessMasks {
  readonly lines: readonly Variable<number>[]
  /** Per process, per CPU: whether the bit is set. */
  readonly bits: readonly Uint8Array[]
  /** Which process each CPU runs; -1 before the first. */
  readonly running: Int32Array
}

/** Declares the masks of so many processes. */
export function declareProcessMasks(machine: Machine, processes: number): ProcessMasks {
  const cpus = machine.cpus.length
  return {
    lines: Array.from({ length: processes }, (_, p) => machine.variable(`mm_cpumask of process ${p}`)),
    bits: Array.from({ length: processes }, () => new Uint8Array(cpus)),
    running: new Int32Array(cpus).fill(-1),
  }
}

/** `switch_mm()`, as far as masks go. */
export function* switchProcess(
  { lines, bits, running }: ProcessMasks,
  cpu: number,
  next: number,
  lazily: boolean,
): Task<void> {
  const previous = running[cpu]!
  if (previous === next) return
  running[cpu] = next
  if (!lazily && previous >= 0) yield* change(lines[previous]!, bits[previous]!, cpu, 0)
  if (lazily && bits[next]![cpu] === 1) yield* load(lines[next]!)
  else yield* change(lines[next]!, bits[next]!, cpu, 1)
}

function change(line: Variable<number>, bits: Uint8Array, cpu: number, bit: 0 | 1) {
  bits[cpu] = bit
  return contended(line, 1)
}
