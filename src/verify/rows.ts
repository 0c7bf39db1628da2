/**
 * Sets of cells as the dependence rule of `docs/certificate.md` needs them, one bit a cell. Written for being read, not for speed:
 * nothing here is shared with the engines.
 */
import type { Commit, Footprint, Operation } from '../core/operation.ts'

/** What somebody may touch. */
export interface Rows {
  /** Loads, reads and writes of the process itself. */
  readonly all: bigint
  /** Reads and writes that bypass the store buffer. */
  readonly direct: bigint
  readonly writes: bigint
  /** What stores that are still to be made touch when they drain. */
  readonly laterAll: bigint
  readonly laterWrites: bigint
  /** What they write beside the cell that loads forward from. */
  readonly laterSide: bigint
}

export const NO_ROWS: Rows = {
  all: 0n,
  direct: 0n,
  writes: 0n,
  laterAll: 0n,
  laterWrites: 0n,
  laterSide: 0n,
}

export function bits(cells: readonly number[] | undefined): bigint {
  let set = 0n
  for (const cell of cells ?? []) set |= 1n << BigInt(cell)
  return set
}

export function union(a: Rows, b: Rows): Rows {
  return {
    all: a.all | b.all,
    direct: a.direct | b.direct,
    writes: a.writes | b.writes,
    laterAll: a.laterAll | b.laterAll,
    laterWrites: a.laterWrites | b.laterWrites,
    laterSide: a.laterSide | b.laterSide,
  }
}

export function equal(a: Rows, b: Rows): boolean {
  return textOf(a) === textOf(b)
}

/** As certificates have it. */
export function textOf(rows: Rows): string {
  const { all, direct, writes, laterAll, laterWrites, laterSide } = rows
  return [all, direct, writes, laterAll, laterWrites, laterSide].map((set) => set.toString(16)).join(' ')
}

/** What a process does itself. */
export function rowsOfFootprint({ loads, reads, writes }: Footprint): Rows {
  const direct = bits(reads) | bits(writes)
  return { ...NO_ROWS, all: bits(loads) | direct, direct, writes: bits(writes) }
}

/** What a commit does when it drains, as something that is done later. */
export function rowsOfCommit(commit: Commit): Rows {
  const { cell } = commit
  const { loads, reads, writes } = commit.footprint()
  const written = bits(writes)
  return {
    ...NO_ROWS,
    laterAll: bits(loads) | bits(reads) | written,
    laterWrites: written,
    laterSide: cell === undefined ? written : written & ~(1n << BigInt(cell)),
  }
}

export function rowsOfOperation(operation: Operation<unknown>): Rows {
  const own = rowsOfFootprint(operation.footprint())
  return operation.commit === undefined ? own : union(own, rowsOfCommit(operation.commit))
}

/** A process without a store buffer commits its stores at once. */
export function atOnce(rows: Rows): Rows {
  return {
    ...NO_ROWS,
    all: rows.all | rows.laterAll,
    direct: rows.direct | rows.laterAll,
    writes: rows.writes | rows.laterWrites,
  }
}
