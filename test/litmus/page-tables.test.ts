import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runPageTables } from '../../src/litmus/page-tables/run.ts'
import { PAGE_TABLE_SHAPES } from '../../src/litmus/page-tables/shapes.ts'
import { formatPageTables, isAsDocumented, pageTableRows } from '../../src/litmus/page-tables/table.ts'
import { ROOT } from '../cli/shootdown.ts'

const rows = pageTableRows()

describe('page-table shapes', () => {
  it('are 31, 23 permitted and 8 forbidden', () => {
    const permitted = PAGE_TABLE_SHAPES.filter(({ published }) => published === 'permitted').length
    expect([PAGE_TABLE_SHAPES.length, permitted]).toEqual([31, 23])
  })
  it.each(rows.map((row) => [row.shape.name, row] as const))('%s comes out as documented', (_, row) => {
    expect(isAsDocumented(row)).toBe(true)
  })
  it('differ from the published verdicts in one place, and without IPIs in three', () => {
    const differ = (ours: 'byIpi' | 'unordered') =>
      rows.filter((row) => row[ours] !== (row.shape.published === 'permitted')).map(({ shape }) => shape.name)
    expect([differ('byIpi'), differ('unordered')]).toEqual([['mrf1'], ['mrf1', 'ipi4', 'ipi8']])
  })
  it('stand in the docs', () => {
    expect(readFileSync(join(ROOT, 'docs/litmus.md'), 'utf8')).toContain(formatPageTables(rows))
  })
})

describe('what the shapes lean on', () => {
  const reachable = (threads: string, outcome: string) =>
    runPageTables({ name: 't', published: 'permitted', threads, outcome }, 'by IPI').reachable

  it('a store to an entry is seen by no walk before it drains', () => {
    expect(reachable('v=N;Rv*', '0.0@V')).toBe(true)
    expect(reachable('v=N;Rv*', '0.0@N')).toBe(true)
  })
  it('a CPU may go on using what it has not invalidated, after it has used the new mapping too', () => {
    expect(reachable('v=N;S || Rv;Rv', '1.0@N 1.1@V')).toBe(true)
    expect(reachable('v=N;S || Rv;Rv*', '1.0@N 1.1@V')).toBe(false)
  })
  it('INVLPG is for one page', () => {
    expect(reachable('v=N;Iu;Rv', '0.0@V')).toBe(true)
    expect(reachable('v=N;Iv;Rv', '0.0@V')).toBe(false)
  })
  it('stores are forwarded by frame, not by address', () => {
    expect(reachable('v=U;Iv;Wu1;Rv', '0.1@U=0')).toBe(false)
    expect(reachable('v=U;Iv;Wu1;Rv', '0.1@U=1')).toBe(true)
  })
})
