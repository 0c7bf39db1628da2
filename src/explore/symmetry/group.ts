/**
 * Permutations of interchangeable CPUs, and what they do to the parts of a program: cells, processes, sources. The group is given
 * by two generators for each class of CPUs, a transposition and a cycle.
 */
import type { Cell, Permutation } from '../../core/cells.ts'
import type { Process, Program } from '../../core/program.ts'

/** One permutation with all that it does to a program's parts. */
export interface Generator {
  readonly permutation: Permutation
  /** The CPUs that it moves. */
  readonly moved: readonly number[]
  /** Where each cell goes. */
  readonly cells: Int32Array
  readonly processes: Int32Array
  /** Sources by their number among all. */
  readonly sources: Int32Array
}

/** The cells of a program by family and CPUs. */
export class CellNames {
  private readonly cells = new Map<string, Cell>()
  private readonly keys: (readonly [family: string, cpus: readonly number[]] | undefined)[]

  constructor(program: Program) {
    const met = new Map<string, number>()
    this.keys = program.cells.cells.map(({ of }, cell) => {
      if (of === undefined) return undefined
      // Cells of one name are told apart by their order.
      const name = `${of.family} ${of.cpus.join(',')}`
      const nth = met.get(name) ?? 0
      met.set(name, nth + 1)
      const family = `${of.family} ${nth}`
      this.cells.set(keyOf(family, of.cpus), cell as Cell)
      return [family, of.cpus]
    })
  }

  /** Where a permutation takes a cell; undefined when there is no such cell. */
  image(cell: number, permutation: Permutation): Cell | undefined {
    const key = this.keys[cell]
    if (key === undefined) return cell as Cell
    const [family, cpus] = key
    return this.cells.get(
      keyOf(
        family,
        cpus.map((cpu) => permutation[cpu] ?? cpu),
      ),
    )
  }

  /** The family of a cell that belongs to CPUs. */
  family(cell: number): string | undefined {
    return this.keys[cell]?.[0]
  }
}

function keyOf(family: string, cpus: readonly number[]): string {
  return `${family} ${cpus.join(',')}`
}

export class Group {
  readonly classes: readonly (readonly number[])[]
  readonly names: CellNames
  readonly generators: readonly Generator[]
  /** The class of each CPU, and its place there; -1 for CPUs in no class. */
  readonly classOf: readonly number[]
  readonly placeOf: readonly number[]
  private readonly program: Program

  constructor(program: Program, classes: readonly (readonly number[])[]) {
    this.program = program
    this.classes = classes
    this.names = new CellNames(program)
    const cpus = numberOfCpus(program)
    this.classOf = Array.from({ length: cpus }, (_, cpu) => classes.findIndex((some) => some.includes(cpu)))
    this.placeOf = this.classOf.map((of, cpu) => (of < 0 ? -1 : classes[of]!.indexOf(cpu)))
    this.generators = classes.flatMap((some) => {
      const [first, second] = some as readonly [number, number]
      const swap = this.generator([first, second])
      return some.length === 2 ? [swap] : [swap, this.generator(some)]
    })
  }

  /** The process that a permutation takes a process to. */
  process(process: number, permutation: Permutation): number {
    return processUnder(this.program, process, permutation)
  }

  /** All processes that permutations take a process to. */
  orbitOf(process: number): readonly number[] {
    const { cpu } = this.program.processes[process]!
    const some = this.classes[cpu === undefined ? -1 : this.classOf[cpu]!]
    if (cpu === undefined || some === undefined) return [process]
    const nth = processesOf(this.program, cpu).indexOf(this.program.processes[process]!)
    return some.map((other) => this.program.processes.indexOf(processesOf(this.program, other)[nth]!))
  }

  /** The cycle of some CPUs. */
  private generator(cycle: readonly number[]): Generator {
    const { program, names } = this
    const permutation = cycleOf(numberOfCpus(program), cycle)
    const processes = Int32Array.from(program.processes, (_, p) => processUnder(program, p, permutation))
    const first: number[] = [0]
    for (const { sources } of program.processes) first.push(first.at(-1)! + sources.length)
    const sources = program.processes.flatMap((process, p) =>
      process.sources.map((_, i) => first[processes[p]!]! + i),
    )
    return {
      permutation,
      moved: cycle,
      cells: Int32Array.from(program.cells.cells, (_, cell) => names.image(cell, permutation)!),
      processes,
      sources: Int32Array.from(sources),
    }
  }
}

/** The permutation that takes each CPU of a list to the next one, and the last to the first. */
export function cycleOf(cpus: number, cycle: readonly number[]): Permutation {
  const permutation = Array.from({ length: cpus }, (_, cpu) => cpu)
  for (const [i, cpu] of cycle.entries()) permutation[cpu] = cycle[(i + 1) % cycle.length]!
  return permutation
}

/** One more than the largest number of a CPU. */
export function numberOfCpus(program: Program): number {
  const cpus = program.processes.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu]))
  const named = program.cells.cells.flatMap(({ of }) => of?.cpus ?? [])
  return Math.max(-1, ...cpus, ...named) + 1
}

/** The processes of a CPU, in order. */
export function processesOf(program: Program, cpu: number): readonly Process[] {
  return program.processes.filter((process) => process.cpu === cpu)
}

function processUnder(program: Program, p: number, permutation: Permutation): number {
  const process = program.processes[p]!
  const { cpu } = process
  if (cpu === undefined) return p
  const nth = processesOf(program, cpu).indexOf(process)
  return program.processes.indexOf(processesOf(program, permutation[cpu] ?? cpu)[nth]!)
}
