/**
 * One hypercall explained, as plain data: every field, what the call asks for, what each hypervisor answers. It is
 * what `shootdown hypercall decode --json` prints; its words are in docs/hypercalls.md.
 */
import { hex, hex64 } from '../abi/bytes.ts'
import { type CallShape, callShape, inputSize } from '../abi/calls.ts'
import { type ControlWord, decodeControlWord } from '../abi/control-word.ts'
import type { Decoded } from '../abi/decoded.ts'
import { decodeFlushInput, type FlushInput } from '../abi/flush.ts'
import { decodeIpiInput, type IpiInput } from '../abi/ipi.ts'
import { registerBlock } from '../abi/registers.ts'
import { statusName } from '../abi/status.ts'
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
import { controlFields, type FieldDocument, inputFields } from './hypercall-fields.ts'

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

function fieldsOf(input: ReadInput | null, control: ControlWord): FieldDocument[] {
  const readable = input === null ? null : input.ok ? input.value : input.head
  return readable === null ? [] : inputFields(readable, control)
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
