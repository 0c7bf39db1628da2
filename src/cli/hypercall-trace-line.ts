/**
 * A hypercall from the lines that KVM traces of it: `kvm_hv_hypercall` has the control word's fields and RDX, R8; the
 * flush and IPI events that follow it have the header of the input. Banks and list elements are in no trace.
 */
import { viewOf } from '../abi/bytes.ts'
import { encodeControlWord } from '../abi/control-word.ts'

/** What the lines tell: words as hex strings, as the options of `decode` take them. */
export interface TracedCall {
  readonly control: string
  readonly rdx: string
  readonly r8: string
  /** The header of the input, when one of the lines has it. */
  readonly header: Uint8Array | null
}

const CALL =
  /kvm_hv_hypercall: code (0x[0-9a-f]+) (fast|slow)(?: var_cnt (0x[0-9a-f]+))? (?:rep_)?cnt (0x[0-9a-f]+) idx (0x[0-9a-f]+) in (0x[0-9a-f]+) out (0x[0-9a-f]+)/i
const FLUSH =
  /kvm_hv_flush_tlb: processor_mask (0x[0-9a-f]+) address_space (0x[0-9a-f]+) flags (0x[0-9a-f]+)/i
const FLUSH_EX =
  /kvm_hv_flush_tlb_ex: valid_bank_mask (0x[0-9a-f]+) format (0x[0-9a-f]+) address_space (0x[0-9a-f]+) flags (0x[0-9a-f]+)/i
const IPI = /kvm_hv_send_ipi: vector ([0-9a-f]+) processor_mask (0x[0-9a-f]+)/i
const IPI_EX = /kvm_hv_send_ipi_ex: vector ([0-9a-f]+) format ([0-9a-f]+) valid_bank_mask (0x[0-9a-f]+)/i

/** The first traced call in a text, or `null` when there is none. */
export function tracedCallOf(text: string): TracedCall | null {
  const call = CALL.exec(text)
  if (call === null) return null
  const [, code, form, banks, count, start, rdx = '0', r8 = '0'] = call
  const control = encodeControlWord({
    callCode: Number(code) & 0xffff,
    fast: form === 'fast',
    variableHeaderSize: Number(banks ?? 0) & 0x3ff,
    repCount: Number(count) & 0xfff,
    repStart: Number(start) & 0xfff,
  })
  const rest = text.slice(call.index + 1)
  const next = CALL.exec(rest)
  const own = next === null ? rest : rest.slice(0, next.index)
  return { control: control.toString(16), rdx, r8, header: headerOf(own) }
}

function headerOf(text: string): Uint8Array | null {
  const flush = FLUSH.exec(text)
  if (flush !== null) return wordBytes([flush[2], flush[3], flush[1]])
  const flushEx = FLUSH_EX.exec(text)
  if (flushEx !== null) return wordBytes([flushEx[3], flushEx[4], flushEx[2], flushEx[1]])
  const ipi = IPI.exec(text)
  if (ipi !== null) return wordBytes([`0x${ipi[1]}`, ipi[2]])
  const ipiEx = IPI_EX.exec(text)
  return ipiEx === null ? null : wordBytes([`0x${ipiEx[1]}`, `0x${ipiEx[2]}`, ipiEx[3]])
}

function wordBytes(words: readonly (string | undefined)[]): Uint8Array {
  const bytes = new Uint8Array(8 * words.length)
  const view = viewOf(bytes)
  for (const [k, word] of words.entries())
    view.setBigUint64(8 * k, BigInt.asUintN(64, BigInt(word ?? 0)), true)
  return bytes
}
