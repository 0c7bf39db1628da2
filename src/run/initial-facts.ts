import type { Program } from '../core/program.ts'

/** What a program says of its initial state. */
export function initialFacts(program: Program): readonly string[] {
  if (program.describe === undefined) return []
  const initial = (cell: number) => program.cells.cells[cell]?.initial ?? 0
  return program.describe({ get: initial, peek: initial, load: initial, set: () => {}, violate: () => {} })
}
