/**
 * Every access of an operation is held against the footprint that it has declared: a footprint that is too small would make a
 * reduced search skip interleavings.
 */
import type { Cell, CellTable } from '../core/cells.ts'
import { GuestProgramError } from '../core/errors.ts'

/** Whether a row of bits, which begins at `row` of `data`, has a cell. */
export function allows(data: Uint32Array, row: number, cell: Cell): boolean {
  return ((data[row + (cell >>> 5)]! >>> (cell & 31)) & 1) === 1
}

/** Who is running, for messages. */
export interface Actor {
  readonly label: string
}

/** An access outside the footprint. */
export function refuse(
  actor: Actor | undefined,
  verb: 'reads' | 'loads' | 'writes',
  cells: CellTable,
  cell: Cell,
): never {
  throw new GuestProgramError(
    'guest-invalid',
    `"${actor?.label ?? '?'}" ${verb} ${cells.name(cell)}, which its footprint does not allow`,
  )
}

/** @throws GuestProgramError for a value that no cell can hold */
export function checkValue(actor: Actor | undefined, cells: CellTable, cell: Cell, value: number): void {
  if (value >>> 0 === value) return
  throw new GuestProgramError(
    'guest-invalid',
    `"${actor?.label ?? '?'}" sets ${cells.name(cell)} to ${value}: cells hold integers from 0 to 2^32 - 1`,
  )
}
