import { UsageError } from '../core/errors.ts'
import { styleFor } from '../report/style.ts'
import { readPair } from './pair-clock.ts'
import { type PairFigures, pairFigures } from './pair-figures.ts'
import { formatPair } from './pair-text.ts'
import { FlushPairing } from './pair-tracker.ts'
import { findSidecar, isPair } from './sidecar.ts'
import { Summary, summarize } from './summary.ts'
import { summaryDocument } from './summary-json.ts'
import { formatSummaries } from './summary-set-text.ts'
import { formatSummary } from './summary-text.ts'

/** What the command line gives to `trace summary`. */
export interface SummaryRequest {
  readonly plot?: boolean
  readonly json?: boolean
  readonly ascii?: boolean
  readonly mhz?: number
  /** The host's recording of the same run as the one file. */
  readonly host?: string
  /** Files to write the recordings to as tables. */
  readonly duckdb?: string
  readonly parquet?: string
}

/** The text that `trace summary` prints. */
export async function runSummary(
  files: readonly string[],
  request: SummaryRequest,
  stream: { readonly isTTY?: boolean },
): Promise<string> {
  const style = styleFor(stream, request.ascii === undefined ? {} : { ascii: request.ascii })
  await writeTables(files, request)
  let pair: PairFigures | undefined
  const summaries: Summary[] = []
  if (request.host !== undefined) {
    if (files.length !== 1) throw new UsageError("--host needs exactly one other file, the guest's recording")
    const both = await summarizePair(files[0]!, request.host)
    summaries.push(both.summary)
    pair = both.figures
  } else {
    for (const file of files) summaries.push(await summarize(file, request.mhz))
  }
  if (request.json === true) {
    const document = summaryDocument(summaries)
    return `${JSON.stringify(pair === undefined ? document : { ...document, pair }, undefined, 2)}\n`
  }
  const plots = request.plot === true ? 'with plots' : 'tables'
  const [first] = summaries
  const text =
    summaries.length === 1 && first !== undefined
      ? formatSummary(first, style, plots)
      : formatSummaries(summaries, style)
  return pair === undefined ? `${text}\n` : `${text}\n\n${formatPair(pair, style)}\n`
}

async function writeTables(files: readonly string[], request: SummaryRequest): Promise<void> {
  const { duckdb, parquet, host, mhz } = request
  if (duckdb === undefined && parquet === undefined) return
  if (files.includes('-'))
    throw new UsageError('SQL output needs files: standard input can be read only once')
  const { exportSql } = await import('./sql/export.ts')
  const all = host === undefined ? files : [...files, host]
  if (duckdb !== undefined) await exportSql(all, { duckdb }, mhz)
  if (parquet !== undefined) await exportSql(all, { parquet }, mhz)
}

/** A guest's recording, summarized, and paired with its host's; the sidecar gives the offset between the clocks. */
export async function summarizePair(
  guestFile: string,
  hostFile: string,
): Promise<{ readonly summary: Summary; readonly figures: PairFigures }> {
  const sidecar = await findSidecar(guestFile)
  if (sidecar === undefined || !isPair(sidecar)) {
    throw new UsageError(
      `${guestFile}: a pair needs its sidecar beside it, with "tsc_offset" and "guest_vcpus"`,
    )
  }
  const summary = new Summary(guestFile, sidecar)
  const pairing = new FlushPairing(sidecar.guest_vcpus)
  await readPair(
    guestFile,
    hostFile,
    sidecar.tsc_offset,
    {
      guest(event) {
        summary.add(event)
        pairing.guest(event)
      },
      host: (event, time) => pairing.host(event, time),
    },
    { guest: summary.decoder },
  )
  summary.finish()
  pairing.finish()
  return { summary, figures: pairFigures(pairing) }
}
