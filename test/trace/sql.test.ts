import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.ts'
import { exportSql } from '../../src/trace/sql/export.ts'
import { TABLES } from '../../src/trace/sql/tables.ts'
import { recording } from './recordings.ts'

const directory = mkdtempSync(join(tmpdir(), 'trace-sql-'))
afterAll(() => rmSync(directory, { recursive: true }))

const FILES = [
  recording('linux-6.12_8vcpu_rich.trace.txt.gz'),
  recording('hyperv-linux-6.1_2vcpu_munmap.host.trace.txt.gz'),
]

/** The rows of a query, numbers as numbers. */
async function query(database: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const instance = await DuckDBInstance.create(database)
  const connection = await instance.connect()
  try {
    const rows = await (await connection.run(sql)).getRows()
    return rows.map((row) => row.map((cell) => (typeof cell === 'bigint' ? Number(cell) : cell)))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

describe('recordings in SQL', () => {
  const database = join(directory, 'a.duckdb')

  it('give the figures of the summary', async () => {
    await exportSql(FILES, { duckdb: database })
    expect(await query(database, 'SELECT recording, name, clock, lines, broken FROM recordings')).toEqual([
      [1, 'linux-6.12_8vcpu_rich', 'us', 41603, 0],
      [2, 'hyperv-linux-6.1_2vcpu_munmap', 'cycles', expect.any(Number), 0],
    ])
    expect(await query(database, 'SELECT count(*) FROM events WHERE recording = 1')).toEqual([[41591]])
    expect(
      await query(
        database,
        'SELECT reason, count(*), count(*) - count(pages) FROM tlb_flushes GROUP BY 1 ORDER BY 1',
      ),
    ).toEqual([
      [0, 827, 827],
      [1, 1469, 425],
      [2, 2, 2],
      [3, 1466, 230],
      [4, 1411, 210],
    ])
    expect(await query(database, 'SELECT count(*) FROM hypercalls WHERE code IN (2, 3)')).toEqual([[1607]])
  })

  it('join flushes with their executions and events', async () => {
    const sql = `SELECT x.context, count(*) FROM flushes f JOIN executions x USING (recording, flush)
      JOIN events e ON e.recording = x.recording AND e.line = x.line
      WHERE f.reach = 'remote' AND x.context <> 'initiator' AND e.kind = 'flush_func' GROUP BY 1 ORDER BY 1`
    expect(await query(database, sql)).toEqual([
      ['call_function', 1476],
      ['call_function_single', 469],
      ['no interrupt', 1],
    ])
  })

  it('refuse a database that holds recordings already', async () => {
    await expect(exportSql(FILES, { duckdb: database })).rejects.toThrow(UsageError)
  })

  it('are written as Parquet files', async () => {
    const parquet = join(directory, "it's parquet")
    await exportSql(FILES.slice(0, 1), { parquet })
    expect(readdirSync(parquet).sort()).toEqual(
      Object.keys(TABLES)
        .map((table) => `${table}.parquet`)
        .sort(),
    )
    const file = join(parquet, 'flushes.parquet').replaceAll("'", "''")
    expect(await query(':memory:', `SELECT count(*) FROM '${file}' WHERE reach = 'remote'`)).toEqual([[1411]])
  })
})

describe('docs/trace.md', () => {
  const docs = readFileSync(fileURLToPath(new URL('../../docs/trace.md', import.meta.url)), 'utf8')

  it.each(Object.entries(TABLES))('describes table %s', (table, columns) => {
    const described = Object.entries(columns).map(([name, [type, meaning]]) => {
      const note = meaning === '' ? '' : `: ${meaning}`
      return `\`${name}\` ${type}${note}`
    })
    expect(docs).toContain(`| \`${table}\` | ${described.join('<br>')} |`)
  })
})
