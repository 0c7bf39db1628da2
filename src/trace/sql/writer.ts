import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { UsageError } from '../../core/errors.ts'
import { type Cell, type ColumnType, type Row, TABLES, type TableName } from './tables.ts'

const NAMES = Object.keys(TABLES) as readonly TableName[]

/** Rows between two writes to the database: bounds memory. */
const FLUSH_ROWS = 100_000

/** Writes rows into a DuckDB database, and from there to Parquet files. */
export class SqlWriter {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #appenders = new Map<TableName, DuckDBAppender>()
  readonly #types = new Map<TableName, readonly ColumnType[]>()
  #rows = 0

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
  }

  /**
   * Opens a database with empty tables.
   *
   * @throws UsageError when DuckDB is not installed, or the file holds these tables already
   */
  static async open(file: string): Promise<SqlWriter> {
    const { DuckDBInstance: Instance } = await loadDuckDb()
    let instance: DuckDBInstance | undefined
    try {
      instance = await Instance.create(file)
      const connection = await instance.connect()
      const writer = new SqlWriter(instance, connection)
      for (const table of NAMES) await writer.#create(table)
      return writer
    } catch (error) {
      instance?.closeSync()
      throw new UsageError(`${file}: ${(error as Error).message.split('\n')[0]}`)
    }
  }

  async #create(table: TableName): Promise<void> {
    const columns = Object.entries(TABLES[table]) as readonly (readonly [
      string,
      readonly [ColumnType, string],
    ])[]
    const list = columns.map(([name, [type]]) => `"${name}" ${type}`).join(', ')
    await this.#connection.run(`CREATE TABLE ${table} (${list})`)
    this.#types.set(
      table,
      columns.map(([, [type]]) => type),
    )
    this.#appenders.set(table, await this.#connection.createAppender(table))
  }

  /** Adds a row of a recording. */
  add(recording: number, { table, cells }: Row): void {
    const appender = this.#appenders.get(table)!
    const types = this.#types.get(table)!
    append(appender, 'INTEGER', recording)
    for (let i = 0; i < cells.length; i++) append(appender, types[i + 1]!, cells[i]!)
    appender.endRow()
    if (++this.#rows % FLUSH_ROWS === 0) this.#flush()
  }

  #flush(): void {
    for (const appender of this.#appenders.values()) appender.flushSync()
  }

  /** Writes each table to `DIRECTORY/TABLE.parquet`. */
  async writeParquet(directory: string): Promise<void> {
    this.#flush()
    try {
      await mkdir(directory, { recursive: true })
      for (const table of NAMES) {
        const file = join(directory, `${table}.parquet`).replaceAll("'", "''")
        await this.#connection.run(`COPY ${table} TO '${file}' (FORMAT parquet)`)
      }
    } catch (error) {
      throw new UsageError(`${directory}: ${(error as Error).message.split('\n')[0]}`)
    }
  }

  /** Writes what is left, and closes the database. */
  close(): void {
    for (const appender of this.#appenders.values()) appender.closeSync()
    this.#connection.closeSync()
    this.#instance.closeSync()
  }
}

function append(appender: DuckDBAppender, type: ColumnType, value: Cell): void {
  if (value === null) appender.appendNull()
  else if (type === 'VARCHAR') appender.appendVarchar(String(value))
  else if (type === 'BOOLEAN') appender.appendBoolean(Boolean(value))
  else if (type === 'UBIGINT') appender.appendUBigInt(BigInt(value))
  else if (type === 'DOUBLE') appender.appendDouble(Number(value))
  else appender.appendInteger(Number(value))
}

async function loadDuckDb(): Promise<typeof import('@duckdb/node-api')> {
  try {
    return await import('@duckdb/node-api')
  } catch {
    throw new UsageError('SQL output needs DuckDB, which is not installed here: npm install @duckdb/node-api')
  }
}

/** Runs `use` with the path of a database that is removed afterwards. */
export async function withTemporaryDatabase(use: (file: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'shootdown-'))
  try {
    await use(join(directory, 'export.duckdb'))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
