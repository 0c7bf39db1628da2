/**
 * Cells: the whole shared state is a fixed list of small non-negative integers. A cell is the unit of conflict between
 * operations; how cells are packed into bytes is the explorer's affair.
 */

/** The index of a cell in its {@link CellTable}. */
export type Cell = number & { readonly brand: 'Cell' }

/** Where a permutation of CPUs takes each of them. */
export type Permutation = readonly number[]

/** A name whose numbers are CPUs: made by {@link cpuName}. */
export interface CpuName {
  readonly text: string
  /** The name without the CPUs: equal for the cells that a permutation may take to each other. */
  readonly family: string
  /** The CPUs that the name is about, in order. */
  readonly cpus: readonly number[]
}

/**
 * The name of a cell that belongs to CPUs. Numbers stand for CPUs, strings for themselves.
 *
 * @example cpuName`csd[${source}->${target}]`
 */
export function cpuName(parts: TemplateStringsArray, ...holes: readonly (number | string)[]): CpuName {
  const all = (hole: (of: number | string) => string) =>
    parts.map((part, i) => (i === 0 ? part : hole(holes[i - 1]!) + part)).join('')
  return {
    text: all(String),
    family: all((of) => (typeof of === 'number' ? '%' : of)),
    cpus: holes.filter((of) => typeof of === 'number'),
  }
}

/** What is known of a cell before anything runs. */
export interface CellInfo {
  /** For messages and diagrams: `IF[1]`, `PMD[v]`. */
  readonly name: string
  /** Value in the initial state. */
  initial: number
  /** Bits that are set aside at first. A value that does not fit makes the explorer widen the cell and start again. */
  readonly bits: number
  /** Of a cell that belongs to CPUs: which ones, and what it is called without them. */
  readonly of?: CpuName
  /** Of a cell whose value names CPUs (a mask, a number): what the value is after a permutation. */
  readonly renamed?: (value: number, permutation: Permutation) => number
}

/** The cells of one program, in order of declaration. */
export class CellTable {
  readonly cells: CellInfo[] = []

  /** Declares one more cell. */
  add(name: string | CpuName, bits: number, initial = 0, renamed?: CellInfo['renamed']): Cell {
    const width = Math.max(bits, 32 - Math.clz32(initial))
    const known = typeof name === 'string' ? { name } : { name: name.text, of: name }
    this.cells.push({ ...known, initial, bits: width, ...(renamed && { renamed }) })
    return (this.cells.length - 1) as Cell
  }

  /** Declares `count` cells `name[0]`, `name[1]`, ... */
  addArray(name: string, count: number, bits: number, initial = 0): Cell[] {
    return Array.from({ length: count }, (_, i) => this.add(`${name}[${i}]`, bits, initial))
  }

  /** Declares a cell for each of `cpus` CPUs: `name[0]`, `name[1]`, ... */
  addPerCpu(name: string, cpus: number, bits: number, initial = 0): Cell[] {
    return Array.from({ length: cpus }, (_, cpu) => this.add(cpuName`${name}[${cpu}]`, bits, initial))
  }

  /** Declares many cells at once that nobody has to tell from each other: they share what is known of them, and begin as 0. */
  addBlock(name: string, count: number, bits: number): Cell {
    const first = this.cells.length
    const info: CellInfo = { name, initial: 0, bits }
    for (let i = 0; i < count; i++) this.cells.push(info)
    return first as Cell
  }

  /** Sets the value that a cell has in the initial state. */
  setInitial(cell: Cell, value: number): void {
    const info = this.cells[cell] as CellInfo
    info.initial = value
  }

  name(cell: Cell): string {
    return this.cells[cell]?.name ?? `cell ${cell}`
  }

  get size(): number {
    return this.cells.length
  }
}
