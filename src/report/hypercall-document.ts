/**
 * One hypercall explained, as plain data: every field, what the call asks for, what each hypervisor answers. It is
 * what `shootdown hypercall decode --json` prints; its words are in docs/hypercalls.md.
 */
import { bitsOf, hex, hex64 } from '../abi/bytes.ts'
import { type CallShape, callShape, inputSize } from '../abi/calls.ts'
import { type ControlWord, decodeControlWord } from '../abi/control-word.ts'
import type { Decoded } from '../abi/decoded.ts'
import { decodeFlushInput, FLUSH_FLAG_NAMES, type FlushInput } from '../abi/flush.ts'
import { decodeGvaRange, type GvaRangeFormat, gvaRangeSpan, type PageSpan } from '../abi/gva-range.ts'
import { decodeIpiInput, type IpiInput } from '../abi/ipi.ts'
import { registerBlock } from '../abi/registers.ts'
import { statusName } from '../abi/status.ts'
import type { VpSet } from '../abi/vp-set.ts'
import { planHypercall } from '../hypervisor/hyperv/dispatch.ts'
import { scopeOfInput } from '../hypervisor/hyperv/meaning.ts'
import type {
  GuestMemory,
  HypercallCall,
  PartitionFacts,
  ProfileName,
} from '../hypervisor/hyperv/partition.ts'
import { type FlushScope, type HypercallPlan, planSummary } from '../hypervisor/hyperv/plan.ts'
import { coversScope } from '../hypervisor/hyperv/spans.ts'

/** One field of the control word or of the input block. */
export interface FieldDocument {
  /** Bits of the control word (`15:0`) or byte offset of the input. */
  readonly at: string
  readonly name: string
  readonly value: string
  readonly meaning: string
}

export interface ScopeDocument {
  readonly vps: readonly number[]
  readonly addressSpace: string
  readonly globals: 'flushed' | 'may-survive'
  /** Runs of 4 KiB pages: address of the first byte, address behind the last, number of pages. */
  readonly pages: readonly { readonly start: string; readonly last: string; readonly pages: number }[] | 'all'
}

export interface ProfileDocument {
  readonly profile: ProfileName
  readonly kind: HypercallPlan['kind'] | 'unknown'
  readonly outcome: string
  readonly reason: string
  readonly status?: number
  readonly repsCompleted?: number
  /** What RAX holds when the call returns. */
  readonly rax?: string
  /** What RCX holds when the instruction is executed again. */
  readonly rcx?: string
  readonly flush?: ScopeDocument
  readonly ipi?: { readonly vector: string; readonly vps: readonly number[] }
  /** The flush beside what was asked for. */
  readonly compared?: 'as asked' | 'more than asked' | 'LESS than asked'
}

export interface HypercallDocument {
  readonly format: 1
  readonly command: 'hypercall decode'
  readonly control: string
  readonly call: string
  readonly controlFields: readonly FieldDocument[]
  readonly inputBytes: number
  readonly inputFields: readonly FieldDocument[]
  /** Why the input could not be read as the call's structure. */
  readonly inputError?: string
  readonly asked?: ScopeDocument
  readonly partition: { readonly vps: readonly number[]; readonly caller: number }
  readonly profiles: readonly ProfileDocument[]
}

/** Explains a call for a partition on the given profiles. `available` bytes of input were given, if that is known. */
export function explainHypercall(
  call: HypercallCall,
  partition: PartitionFacts,
  profiles: readonly ProfileName[],
  available?: number,
): HypercallDocument {
  const word = call.registers.rcx
  const control = decodeControlWord(word)
  const shape = callShape(control.callCode)
  const size = shape === undefined ? 0 : inputSize(shape, control)
  const input = shape === undefined ? null : readInput(call, control, shape, available)
  const asked =
    input?.ok && 'addressSpace' in input.value ? scopeOfInput(input.value, partition, control.repStart) : null
  return {
    format: 1,
    command: 'hypercall decode',
    control: hex64(word),
    call: shape === undefined ? 'unknown' : `${shape.title} (${shape.name})`,
    controlFields: controlFields(control, shape),
    inputBytes: size,
    inputFields: fieldsOf(input, control),
    ...(input !== null && !input.ok ? { inputError: input.error } : {}),
    ...(asked === null ? {} : { asked: scopeDocument(asked) }),
    partition: { vps: partition.vps, caller: call.caller.vp },
    profiles: profiles.map((profile) => answerOf(profile, call, partition, asked)),
  }
}

/** A profile's answer; unknown when the profile reads input that was not given. */
function answerOf(
  profile: ProfileName,
  call: HypercallCall,
  partition: PartitionFacts,
  asked: FlushScope | null,
): ProfileDocument {
  let missing = false
  const memory: GuestMemory = (gpa, length) => {
    const bytes = call.memory(gpa, length)
    missing ||= bytes === null
    return bytes
  }
  const plan = planHypercall(profile, { ...call, memory }, partition)
  if (!missing) return profileDocument(profile, plan, asked)
  return { profile, kind: 'unknown', outcome: 'unknown', reason: 'it reads input bytes that were not given' }
}

type ReadInput =
  | { readonly ok: true; readonly value: FlushInput | IpiInput }
  /** `head`: the input up to the first list element that is not there. */
  | { readonly ok: false; readonly error: string; readonly head: FlushInput | IpiInput | null }

function readInput(
  call: HypercallCall,
  control: ControlWord,
  shape: CallShape,
  available: number | undefined,
): ReadInput {
  const size = inputSize(shape, control)
  const block = control.fast ? registerBlock(call.registers) : call.memory(call.registers.rdx, size)
  if (block === null) {
    const there = available === undefined ? 'they cannot be read' : `there are ${available}`
    const error = `the call needs ${size} bytes of input, ${there}`
    return { ok: false, error, head: headOf(call, control, shape, available ?? 0) }
  }
  const read = decodeInput(control, shape, block)
  return read.ok ? read : { ok: false, error: read.error.message, head: null }
}

function decodeInput(
  control: ControlWord,
  shape: CallShape,
  block: Uint8Array,
): Decoded<FlushInput | IpiInput> {
  const isIpi = shape.name === 'ipi' || shape.name === 'ipi-ex'
  return isIpi ? decodeIpiInput(control, block) : decodeFlushInput(control, block)
}

/** As much of an input as there is: the header and the list elements that were given. */
function headOf(
  call: HypercallCall,
  control: ControlWord,
  shape: CallShape,
  available: number,
): FlushInput | IpiInput | null {
  const headers = shape.fixedHeader + 8 * control.variableHeaderSize
  const isAll = available >= headers
  const repCount = isAll ? Math.min(control.repCount, (available - headers) >> 3) : 0
  const variableHeaderSize = isAll
    ? control.variableHeaderSize
    : Math.max(0, (available - shape.fixedHeader) >> 3)
  const cut = { ...control, repCount, variableHeaderSize }
  const block = call.memory(call.registers.rdx, inputSize(shape, cut))
  const read = block === null ? null : decodeInput(cut, shape, block)
  return read?.ok ? read.value : null
}

function controlFields(control: ControlWord, shape: CallShape | undefined): FieldDocument[] {
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

function fieldsOf(input: ReadInput | null, control: ControlWord): FieldDocument[] {
  const readable = input === null ? null : input.ok ? input.value : input.head
  return readable === null ? [] : inputFields(readable, control)
}

function inputFields(input: FlushInput | IpiInput, control: ControlWord): FieldDocument[] {
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

export function scopeDocument(scope: FlushScope): ScopeDocument {
  return {
    vps: scope.vps,
    addressSpace: scope.addressSpace === 'all' ? 'all' : hex(scope.addressSpace),
    globals: scope.globals,
    pages:
      scope.spans === 'all'
        ? 'all'
        : scope.spans.map(({ first, count }) => {
            const start = BigInt(first) << 12n
            return { start: hex(start), last: hex(start + (BigInt(count) << 12n) - 1n), pages: count }
          }),
  }
}

function profileDocument(
  profile: ProfileName,
  plan: HypercallPlan,
  asked: FlushScope | null,
): ProfileDocument {
  const head = { profile, kind: plan.kind, outcome: planSummary(plan), reason: plan.reason }
  if (plan.kind === 'continue') {
    return {
      ...head,
      rcx: hex64(plan.rcx),
      ...(plan.flush === null ? {} : { flush: scopeDocument(plan.flush) }),
    }
  }
  if (plan.kind !== 'complete') return head
  return {
    ...head,
    outcome:
      plan.result === 0xffff_ffff_ffff_ffffn ? '-EPERM' : statusOutcome(plan.status, plan.repsCompleted),
    status: plan.status,
    repsCompleted: plan.repsCompleted,
    rax: hex64(plan.result),
    ...(plan.flush === null ? {} : { flush: scopeDocument(plan.flush) }),
    ...(plan.ipi === null ? {} : { ipi: { vector: hex(plan.ipi.vector), vps: plan.ipi.vps } }),
    ...(plan.flush === null || asked === null ? {} : { compared: compare(plan.flush, asked) }),
  }
}

function statusOutcome(status: number, reps: number): string {
  return reps === 0 ? statusName(status) : `${statusName(status)}, ${reps} rep${reps === 1 ? '' : 's'}`
}

function compare(done: FlushScope, asked: FlushScope): 'as asked' | 'more than asked' | 'LESS than asked' {
  if (!coversScope(done, asked)) return 'LESS than asked'
  return coversScope(asked, done) ? 'as asked' : 'more than asked'
}
