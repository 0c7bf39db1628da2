import { TraceDecoder } from '../decoder.ts'
import { FlushTracker } from '../flush-tracker.ts'
import { readTrace } from '../reader.ts'
import { findSidecar } from '../sidecar.ts'
import { eventRows, flushRows } from './rows.ts'
import { SqlWriter, withTemporaryDatabase } from './writer.ts'

/** Where an export goes: a DuckDB file, or a directory of Parquet files. */
export type SqlTarget = { readonly duckdb: string } | { readonly parquet: string }

/** Writes recordings as tables for SQL; `docs/trace.md` describes them. */
export async function exportSql(files: readonly string[], target: SqlTarget, mhz?: number): Promise<void> {
  if ('duckdb' in target) {
    await writeAll(files, target.duckdb, undefined, mhz)
    return
  }
  await withTemporaryDatabase((database) => writeAll(files, database, target.parquet, mhz))
}

async function writeAll(
  files: readonly string[],
  database: string,
  parquet: string | undefined,
  mhz: number | undefined,
): Promise<void> {
  const writer = await SqlWriter.open(database)
  try {
    for (const [i, file] of files.entries()) await writeOne(writer, i + 1, file, mhz)
    if (parquet !== undefined) await writer.writeParquet(parquet)
  } finally {
    writer.close()
  }
}

async function writeOne(
  writer: SqlWriter,
  recording: number,
  file: string,
  mhz: number | undefined,
): Promise<void> {
  const sidecar = await findSidecar(file)
  const decoder = new TraceDecoder()
  const tracker = new FlushTracker()
  let flushes = 0
  const add = (flush: ReturnType<FlushTracker['finish']>[number]) => {
    for (const row of flushRows(flush, ++flushes)) writer.add(recording, row)
  }
  for await (const events of readTrace(file, decoder)) {
    for (const event of events) {
      for (const row of eventRows(event)) writer.add(recording, row)
      for (const flush of tracker.add(event)) add(flush)
    }
  }
  for (const flush of tracker.finish()) add(flush)
  const name = sidecar?.name ?? file.replace(/^.*\//, '')
  const rate = mhz ?? sidecar?.tsc_mhz ?? null
  writer.add(recording, {
    table: 'recordings',
    cells: [
      name,
      file,
      sidecar?.workload ?? null,
      decoder.clock ?? null,
      rate,
      decoder.lines,
      decoder.brokenCount,
    ],
  })
}
