/** Makes a certificate of a search. */
import type { Program } from '../core/program.ts'
import { type Certificate, encodeCertificate, hashOfProgram, type SearchRecord } from './certificate.ts'
import { automataOf } from './verify.ts'

/**
 * A file's worth of certificate.
 *
 * @param program - built afresh: automata are derived again, and numbered as `verify` will number them
 * @param onState - called often, to show that it goes on
 * @throws Refused when the search is not what it should be
 */
export function writeCertificate(
  what: Pick<Certificate, 'scenario' | 'file' | 'options'>,
  program: Program,
  record: SearchRecord,
  onState?: () => void,
): Buffer {
  const automata = automataOf(program, record, onState)
  return encodeCertificate({ ...what, ...record, program: hashOfProgram(program), automata })
}
