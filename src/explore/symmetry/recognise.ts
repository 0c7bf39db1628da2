/**
 * Which CPUs may be interchangeable: they run the same functions with arguments that are equal up to the CPU itself, have the same
 * sources, and exchanging any two of them leaves the initial state as it is. That they really are is for `mirror.ts` to check.
 */
import { canonicalKey } from '../../core/plain.ts'
import type { Frame, Process, Program } from '../../core/program.ts'
import { CellNames, cycleOf, numberOfCpus, processesOf } from './group.ts'

export interface Candidates {
  /** CPUs that may be interchangeable, at least two in each class. */
  readonly classes: readonly (readonly number[])[]
  /** Why CPUs that run the same functions are not even that. */
  readonly reason: string | undefined
}

export function candidates(program: Program): Candidates {
  const names = new CellNames(program)
  const cpus = Array.from({ length: numberOfCpus(program) }, (_, cpu) => cpu)
  const classes: number[][] = []
  let reason: string | undefined
  for (const cpu of cpus) {
    if (processesOf(program, cpu).length === 0) continue
    const found = classes.find(([first]) => {
      const why = difference(program, names, first!, cpu)
      if (why !== '') reason ??= why
      return why === ''
    })
    if (found === undefined) classes.push([cpu])
    else found.push(cpu)
  }
  const large = classes.filter((some) => some.length > 1)
  return { classes: large, reason: large.length === 0 ? reason : undefined }
}

/** Why two CPUs cannot be interchangeable: empty when they may be, undefined when they do not even run the same. */
function difference(program: Program, names: CellNames, a: number, b: number): string | undefined {
  const ofA = processesOf(program, a)
  const ofB = processesOf(program, b)
  if (ofA.length !== ofB.length || !ofA.every((process, i) => runsTheSame(process, ofB[i]!))) return undefined
  const both = `CPU${a} and CPU${b} run the same`
  for (const [i, process] of ofA.entries()) {
    const other = ofB[i]!
    if (!sameArguments(program, process.main, other.main, a, b)) return `${both} with other arguments`
    if (!sameSources(process, other)) return `${both}, and can be interrupted otherwise`
  }
  const swap = cycleOf(numberOfCpus(program), [a, b])
  for (const [cell, { name, initial, renamed }] of program.cells.cells.entries()) {
    const image = names.image(cell, swap)
    if (image === undefined) return `${both}, and only one of them has ${name}`
    if (program.cells.cells[image]!.initial !== (renamed?.(initial, swap) ?? initial))
      return `${both}, and ${name} tells them apart at the start`
  }
  return ''
}

function runsTheSame(a: Process, b: Process): boolean {
  return a.main?.fn === b.main?.fn && a.buffered === b.buffered && a.daemon === b.daemon
}

function sameSources(a: Process, b: Process): boolean {
  return (
    a.sources.length === b.sources.length &&
    a.sources.every((source, i) => {
      const other = b.sources[i]!
      return source.drains === other.drains && source.host === other.host
    })
  )
}

function sameArguments(
  program: Program,
  a: Frame | undefined,
  b: Frame | undefined,
  cpuA: number,
  cpuB: number,
): boolean {
  const argsA = a?.args ?? []
  const argsB = b?.args ?? []
  return (
    argsA.length === argsB.length &&
    argsA.every((of, i) => {
      const other = argsB[i]
      if (canonicalKey(of) === canonicalKey(other)) return true
      if (of === cpuA && other === cpuB) return true
      return isOwn(program, of, cpuA) && isOwn(program, other, cpuB)
    })
  )
}

/** A handle that no other CPU is given: the CPU itself, or something that belongs to it. */
function isOwn(program: Program, value: unknown, cpu: number): boolean {
  if (typeof value !== 'object' || value === null || !('handleId' in value)) return false
  return program.processes.every(
    (process) => process.cpu === cpu || !(process.main?.args ?? []).includes(value),
  )
}
