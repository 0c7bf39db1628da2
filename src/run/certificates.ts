/** Certificates in files: written after a check, and verified. */
import { readFileSync, writeFileSync } from 'node:fs'
import { UsageError } from '../core/errors.ts'
import type { Program } from '../core/program.ts'
import { SCENARIOS } from '../scenarios/registry.ts'
import { type Certificate, decodeCertificate, type SearchRecord } from '../verify/certificate.ts'
import { Refused } from '../verify/refused.ts'
import { checkUnreduced } from '../verify/unreduced.ts'
import { type Verified, verify } from '../verify/verify.ts'
import { writeCertificate } from '../verify/write.ts'
import { buildProgram, loadScenarioFile } from './scenario-file.ts'

/** Programs with at most so many states are also explored without any reduction. */
const SMALL = 50_000

export function saveCertificate(
  path: string,
  what: Pick<Certificate, 'scenario' | 'file' | 'options'>,
  program: Program,
  record: SearchRecord,
  onState: () => void,
): void {
  const data = writeCertificate(what, program, record, onState)
  try {
    writeFileSync(path, data)
  } catch (error) {
    throw new UsageError(`${path}: the certificate cannot be written: ${messageOf(error)}`)
  }
}

export interface Confirmation {
  readonly certificate: Certificate
  readonly bounds: readonly string[]
  readonly verified: Verified
  /** States without any reduction; undefined where there are too many. */
  readonly unreduced: number | undefined
}

/** Verifies a certificate; gives the reason when it is refused. */
export async function verifyFile(path: string): Promise<Confirmation | { readonly refused: string }> {
  let data: Uint8Array
  try {
    data = readFileSync(path)
  } catch (error) {
    throw new UsageError(`${path}: the certificate cannot be read: ${messageOf(error)}`)
  }
  try {
    const certificate = decodeCertificate(data)
    const build = await builder(certificate)
    const program = build()
    const verified = verify(program, certificate)
    const unreduced = checkUnreduced(build(), SMALL)
    return { certificate, bounds: program.bounds, verified, unreduced }
  } catch (error) {
    if (error instanceof Refused) return { refused: error.message }
    throw error
  }
}

async function builder({ scenario, file, options }: Certificate): Promise<() => Program> {
  const among = file === undefined ? SCENARIOS : await loadScenarioFile(file)
  const found = among.find(({ name }) => name === scenario)
  if (found === undefined)
    throw new UsageError(
      `the certificate is of scenario ${scenario}, which ${file ?? 'this version'} does not have`,
    )
  return () => buildProgram(found, options, file)
}

/** In words, where the system says it in capitals. */
function messageOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or folder'
    case 'EISDIR':
      return 'it is a folder'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
