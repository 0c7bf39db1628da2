/** The fields of a control word and of a call's input, each with its value and what it means. */
import { bitsOf, hex, hex64 } from '../abi/bytes.ts'
import type { CallShape } from '../abi/calls.ts'
import type { ControlWord } from '../abi/control-word.ts'
import { FLUSH_FLAG_NAMES, type FlushInput } from '../abi/flush.ts'
import { decodeGvaRange, type GvaRangeFormat, gvaRangeSpan, type PageSpan } from '../abi/gva-range.ts'
import type { IpiInput } from '../abi/ipi.ts'
import type { VpSet } from '../abi/vp-set.ts'

/** One field of the control word or of the input block. */
export interface FieldDocument {
  /** Bits of the control word (`15:0`) or byte offset of the input. */
  readonly at: string
  readonly name: string
  readonly value: string
  readonly meaning: string
}

/** The fields of a control word, by bits. */
export function controlFields(control: ControlWord, shape: CallShape | undefined): FieldDocument[] {
  const kind = shape === undefined ? 'unknown call' : `${shape.title}, ${shape.rep ? 'rep' : 'simple'} call`
  const { variableHeaderSize: banks, repCount, repStart } = control
  return [
    { at: '15:0', name: 'call code', value: hex(control.callCode), meaning: kind },
    {
      at: '16',
      name: 'fast',
      value: control.fast ? '1' : '0',
      meaning: control.fast ? 'input in registers' : 'input in memory',
    },
    { at: '26:17', name: 'variable header size', value: String(banks), meaning: `${8 * banks} bytes` },
    { at: '31', name: 'nested', value: control.nested ? '1' : '0', meaning: control.nested ? 'for L0' : '' },
    {
      at: '43:32',
      name: 'rep count',
      value: String(repCount),
      meaning: repCount === 1 ? '1 list element' : `${repCount} list elements`,
    },
    {
      at: '59:48',
      name: 'rep start',
      value: String(repStart),
      meaning: repStart === 0 ? '' : `${repStart} elements are done already`,
    },
    {
      at: 'reserved',
      name: 'reserved bits',
      value: hex(control.reserved),
      meaning: control.reserved === 0n ? '' : 'must be zero',
    },
  ]
}

/** The fields of an input, by byte offset. */
export function inputFields(input: FlushInput | IpiInput, control: ControlWord): FieldDocument[] {
  const fields: FieldDocument[] = []
  let offset = 0
  const field = (bytes: number, name: string, value: string, meaning: string): void => {
    fields.push({ at: offset.toString(16).padStart(4, '0'), name, value, meaning })
    offset += bytes
  }
  if ('vector' in input) {
    field(
      4,
      'Vector',
      hex(input.vector),
      input.vector < 0x10 || input.vector > 0xff ? 'outside 0x10..0xff' : '',
    )
    field(1, 'TargetVtl', hex(input.targetVtl), '')
    field(3, 'reserved', hex(input.reserved), input.reserved === 0 ? '' : 'must be zero')
  } else {
    field(8, 'AddressSpace', hex(input.addressSpace), addressSpaceMeaning(input))
    field(8, 'Flags', hex(input.flags), flagNames(input.flags))
  }
  if ('processorMask' in input) {
    const everybody = 'flags' in input && (input.flags & 1n) !== 0n
    const meaning = everybody ? 'ignored: ALL_PROCESSORS' : vpsText(bitsOf(input.processorMask))
    field(8, 'ProcessorMask', hex(input.processorMask), meaning)
  }
  if ('vpSet' in input) vpSetFields(input.vpSet, control.variableHeaderSize, field)
  if ('gvaList' in input) {
    const format: GvaRangeFormat = (input.flags & 8n) === 0n ? 'legacy' : 'extended'
    input.gvaList.forEach((element, k) => {
      const done = k < control.repStart ? ', done already' : ''
      field(8, `Range[${k}]`, hex64(element), rangeMeaning(element, format) + done)
    })
  }
  return fields
}

function vpSetFields(
  set: VpSet,
  held: number,
  field: (bytes: number, name: string, value: string, meaning: string) => void,
): void {
  const format = set.format === 0n ? 'SPARSE_4K' : set.format === 1n ? 'ALL: every VP' : 'undefined'
  field(8, 'Format', hex(set.format), format)
  const present = bitsOf(set.validBankMask)
  const mismatch = present.length === held ? '' : `, but the variable header holds ${held}`
  field(8, 'ValidBankMask', hex(set.validBankMask), `${present.length} banks${mismatch}`)
  set.banks.forEach((bank, k) => {
    const number = present[k]
    const vps =
      number === undefined ? 'not in the mask' : vpsText(bitsOf(bank).map((bit) => 64 * number + bit))
    field(8, `Bank[${k}]${number === undefined ? '' : ` = bank ${number}`}`, hex(bank), vps)
  })
}

function addressSpaceMeaning(input: FlushInput): string {
  if ((input.flags & 2n) !== 0n) return 'ignored: ALL_VIRTUAL_ADDRESS_SPACES'
  const low = input.addressSpace & 0xfffn
  return low === 0n ? 'page-table root' : `page-table root with low bits 0x${low.toString(16)}`
}

function flagNames(flags: bigint): string {
  const names = FLUSH_FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0n).map(([, name]) => name)
  const known = FLUSH_FLAG_NAMES.reduce((mask, [bit]) => mask | bit, 0n)
  const rest = flags & ~known
  return [...names, ...(rest === 0n ? [] : [`reserved ${hex(rest)}`])].join(' | ')
}

function rangeMeaning(element: bigint, format: GvaRangeFormat): string {
  const range = decodeGvaRange(element, format)
  const { first, count } = gvaRangeSpan(range)
  const reserved = range.reserved === 0 ? '' : `, reserved bits ${hex(range.reserved)}`
  const sizes = range.pageSize === '4K' ? '' : ` (${range.additionalPages + 1} x ${range.pageSize})`
  return `${spanText({ first, count })}: ${count} page${count === 1 ? '' : 's'}${sizes}${reserved}`
}

function spanText(span: PageSpan): string {
  const start = BigInt(span.first) << 12n
  return `${hex(start)}-${hex(start + (BigInt(span.count) << 12n) - 1n)}`
}

/** `VP 2, 65`, with runs as 0-3. */
export function vpsText(vps: readonly number[]): string {
  const runs: string[] = []
  for (let k = 0; k < vps.length; ) {
    let end = k
    while (vps[end + 1] === (vps[end] ?? 0) + 1) end++
    runs.push(end === k ? `${vps[k]}` : `${vps[k]}-${vps[end]}`)
    k = end + 1
  }
  return runs.length === 0 ? 'no VP' : `VP ${runs.join(', ')}`
}
