import { UsageError } from '../core/errors.ts'
import { styleFor } from '../report/style.ts'
import { checkTraceDocument } from './check/check-json.ts'
import { type CheckedRecording, checkPair, checkRecording } from './check/check-recording.ts'
import { formatCheck } from './check/check-text.ts'

/** What the command line gives to `trace check`. */
export interface CheckRequest {
  readonly json?: boolean
  readonly ascii?: boolean
  /** List every disagreement. */
  readonly all?: boolean
  /** With a host: list every flush with its hypercall and what the vCPUs did. */
  readonly flushes?: boolean
  /** The host's recording of the same run as the one file. */
  readonly host?: string
}

/** The text that `trace check` prints, and its exit status: 1 when something is unexplained. */
export async function runTraceCheck(
  files: readonly string[],
  request: CheckRequest,
  stream: { readonly isTTY?: boolean },
): Promise<{ readonly text: string; readonly status: 0 | 1 }> {
  if (request.flushes === true && request.host === undefined)
    throw new UsageError('--flushes needs --host: it lists each flush with what the host did about it')
  const checked: CheckedRecording[] = []
  if (request.host !== undefined) {
    if (files.length !== 1) throw new UsageError("--host needs exactly one other file, the guest's recording")
    checked.push(await checkPair(files[0]!, request.host))
  } else {
    for (const file of files) checked.push(await checkRecording(file))
  }
  const status = checked.some(({ findings }) => findings.total('unexplained') > 0) ? 1 : 0
  if (request.json === true) {
    return { text: `${JSON.stringify(checkTraceDocument(checked), undefined, 2)}\n`, status }
  }
  const style = styleFor(stream, request.ascii === undefined ? {} : { ascii: request.ascii })
  const shown = request.all === true ? 'all' : 'some'
  const flushes = request.flushes === true ? 'each' : 'totals'
  return { text: `${formatCheck(checked, shown, flushes, style)}\n`, status }
}
