/**
 * Cells: the whole shared state is a fixed list of small non-negative integers. A cell is the unit of conflict between
 * operations; how cells are packed into bytes is the explorer's affair.
 */

/** The index of a cell in its {@link CellTable}. */
export type Cell = number & { readonly brand: 'Cell' }

/** What is known of a cell before anything runs. */
export interface CellInfo {
  /** For messages and diagrams: `IF[1]`, `PMD[v]`. */
  readonly name: string
  /** Value in the initial state. */
  initial: number
  /** Bits that are set aside at first. A value that does not fit makes the explorer widen the cell and start again. */
  readonly bits: number
}

/** The cells of one program, in order of declaration. */
export class CellTable {
  readonly cells: CellInfo[] = []

  /** Declares one more cell. */
  add(name: string, bits: number, initial = 0): Cell {
    this.cells.push({ name, initial, bits: Math.max(bits, 32 - Math.clz32(initial)) })
    return (this.cells.length - 1) as Cell
  }

  /** Declares `count` cells `name[0]`, `name[1]`, ... */
  addArray(name: string, count: number, bits: number, initial = 0): Cell[] {
    return Array.from({ length: count }, (_, i) => this.add(`${name}[${i}]`, bits, initial))
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
