/** `shootdown hypercall decode`: from what the user has (words, bytes, dumps, JSON) to an explanation. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import * as v from 'valibot'
import { bitsOf } from '../abi/bytes.ts'
import { callShape } from '../abi/calls.ts'
import { decodeControlWord } from '../abi/control-word.ts'
import { decodeFlushInput } from '../abi/flush.ts'
import { decodeIpiInput } from '../abi/ipi.ts'
import { registerBlock } from '../abi/registers.ts'
import { vpsOfSparse } from '../abi/vp-set.ts'
import { UsageError } from '../core/errors.ts'
import {
  type CallerMode,
  callerOn,
  type HypercallCall,
  type PartitionFacts,
  type PartitionFeatures,
  PROFILE_NAMES,
  type ProfileName,
  partitionOf,
} from '../hypervisor/hyperv/partition.ts'
import { explainHypercall } from '../report/hypercall-document.ts'
import { hypercallText } from '../report/hypercall-text.ts'
import { styleFor } from '../report/style.ts'
import { bytesOfContent, bytesOfText, parseCount, parseVpList, parseWord } from './hex-input.ts'
import { decodeStructure, type GivenStructure } from './hypercall-structures.ts'
import { tracedCallOf } from './hypercall-trace-line.ts'

/** Options of `hypercall decode`, as commander gives them. */
export interface DecodeOptions {
  readonly control?: string
  readonly rdx?: string
  readonly r8?: string
  readonly xmm?: readonly string[]
  readonly as?: string
  readonly vps?: string
  readonly caller: string
  readonly profile?: readonly string[]
  readonly enforceCpuid?: boolean
  readonly without?: readonly string[]
  readonly with?: readonly string[]
  readonly cpl: string
  readonly mode: string
  readonly json?: boolean
}

/** Where the input lies when nobody says: a page boundary. */
const DEFAULT_GPA = 0x1_0000n

/** A call as JSON; every word is a hex string. `encode --json` prints this form too. */
const JSON_CALL = v.object({
  control: v.string(),
  rdx: v.optional(v.string()),
  r8: v.optional(v.string()),
  xmm: v.optional(v.array(v.string())),
  bytes: v.optional(v.string()),
})

type GivenCall = Pick<DecodeOptions, 'control' | 'rdx' | 'r8' | 'xmm'> & { readonly bytes: Uint8Array | null }

export async function runDecode(
  input: string | undefined,
  options: DecodeOptions,
  stream: { readonly isTTY?: boolean },
): Promise<string> {
  if (options.as !== undefined) {
    return decodeStructure(options.as, givenStructure(options.as, input), options.json === true)
  }
  const given = await givenCall(input, options)
  const call = callOf(given, options)
  const partition = partitionFor(call, options)
  // Without the input nobody can say what a hypervisor answers.
  const known = given.bytes !== null || decodeControlWord(call.registers.rcx).fast
  const document = explainHypercall(
    call,
    partition,
    known ? profilesOf(options.profile) : [],
    given.bytes?.length ?? 0,
  )
  if (options.json === true) return `${JSON.stringify(document, null, 2)}\n`
  return hypercallText(document, styleFor(stream, {}))
}

/** Options win over what a JSON document says. */
async function givenCall(input: string | undefined, options: DecodeOptions): Promise<GivenCall> {
  const content = readContent(input)
  const text = content === null ? '' : new TextDecoder().decode(content).trim()
  const traced = tracedCallOf(text)
  if (traced !== null) {
    const isFast = decodeControlWord(parseWord(traced.control, 'control word')).fast
    return { control: traced.control, rdx: traced.rdx, r8: traced.r8, bytes: isFast ? null : traced.header }
  }
  if (content === null || !text.startsWith('{')) {
    const bytes = content === null ? null : bytesOfContent(content, nameOf(input))
    return { ...options, bytes }
  }
  const { bytes, ...json } = parseJson(text, nameOf(input))
  return {
    control: options.control ?? json.control,
    ...pick('rdx', options.rdx ?? json.rdx),
    ...pick('r8', options.r8 ?? json.r8),
    ...pick('xmm', options.xmm ?? json.xmm),
    bytes: bytes === undefined ? null : bytesOfText(bytes, `${nameOf(input)}: bytes`),
  }
}

function pick<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}

function parseJson(text: string, name: string): v.InferOutput<typeof JSON_CALL> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UsageError(
      `${name} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const parsed = v.safeParse(JSON_CALL, json)
  if (parsed.success) return parsed.output
  const issue = parsed.issues[0]
  throw new UsageError(`${name}: ${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`)
}

function callOf(given: GivenCall, options: DecodeOptions): HypercallCall {
  if (given.control === undefined) {
    throw new UsageError('the control word is missing; give it with --control, like --control 0x100000003')
  }
  const rcx = parseWord(given.control, '--control')
  const { fast } = decodeControlWord(rcx)
  const mode = oneOf<CallerMode>(options.mode, ['real', 'protected16', 'protected32', 'long64'], '--mode')
  const caller = callerOn(parseCount(options.caller, '--caller', 4095), {
    cpl: parseCount(options.cpl, '--cpl', 3),
    mode,
  })
  const words = fast ? fastWords(given) : null
  const rdx = words?.[0] ?? parseWord(given.rdx ?? DEFAULT_GPA.toString(16), '--rdx')
  const r8 = words?.[1] ?? parseWord(given.r8 ?? '0', '--r8')
  return {
    registers: { rcx, rdx, r8, xmm: words?.slice(2) ?? [] },
    memory: fast ? () => null : memoryOf(given.bytes, rdx),
    caller,
  }
}

/** The words of a fast call: from the registers, or from bytes laid end to end. */
function fastWords(given: GivenCall): bigint[] {
  if (given.bytes === null) {
    const xmm = given.xmm ?? []
    if (xmm.length > 12) throw new UsageError(`--xmm holds ${xmm.length} words; XMM0 to XMM5 have 12`)
    return [given.rdx ?? '0', given.r8 ?? '0', ...xmm].map((word, k) => parseWord(word, `register word ${k}`))
  }
  if (given.bytes.length > 112) {
    throw new UsageError(`${given.bytes.length} bytes of input; registers hold at most 112`)
  }
  const block = new Uint8Array(112)
  block.set(given.bytes)
  const view = new DataView(block.buffer)
  return Array.from({ length: 14 }, (_, k) => view.getBigUint64(8 * k, true))
}

function memoryOf(bytes: Uint8Array | null, base: bigint): HypercallCall['memory'] {
  return (gpa, length) => {
    const offset = gpa - base
    if (bytes === null || offset < 0n || offset + BigInt(length) > BigInt(bytes.length)) return null
    return bytes.subarray(Number(offset), Number(offset) + length)
  }
}

function partitionFor(call: HypercallCall, options: DecodeOptions): PartitionFacts {
  const vps = options.vps === undefined ? upTo(highestVp(call)) : parseVpList(options.vps, '--vps')
  const base = partitionOf(vps, { enforceCpuid: options.enforceCpuid === true })
  const features: Record<string, boolean | number> = { ...base.features }
  const set = (names: readonly string[] | undefined, value: boolean, option: string): void => {
    for (const name of names ?? []) {
      if (typeof features[name] !== 'boolean') {
        const known = Object.keys(features).filter((key) => typeof features[key] === 'boolean')
        throw new UsageError(`${option} "${name}" is unknown; known: ${known.join(', ')}`)
      }
      features[name] = value
    }
  }
  set(options.with, true, '--with')
  set(options.without, false, '--without')
  return { ...base, features: features as unknown as PartitionFeatures }
}

/** The highest VP that the call names, and at least 3, so that "all" is more than one. */
function highestVp(call: HypercallCall): number {
  const control = decodeControlWord(call.registers.rcx)
  const shape = callShape(control.callCode)
  const size = shape === undefined ? 0 : shape.fixedHeader + 8 * control.variableHeaderSize
  const block = control.fast ? registerBlock(call.registers) : call.memory(call.registers.rdx, size)
  const headers = { ...control, repCount: 0 }
  let highest = Math.max(3, call.caller.vp)
  if (block === null) return highest
  const reads = [decodeFlushInput(headers, block), decodeIpiInput(headers, block)]
  for (const read of reads) {
    if (!read.ok) continue
    const mask = 'processorMask' in read.value ? bitsOf(read.value.processorMask) : []
    const set =
      'vpSet' in read.value ? vpsOfSparse(read.value.vpSet.validBankMask, read.value.vpSet.banks) : []
    highest = Math.max(highest, ...mask, ...set)
  }
  return highest
}

function upTo(last: number): number[] {
  return Array.from({ length: last + 1 }, (_, vp) => vp)
}

function profilesOf(names: readonly string[] | undefined): readonly ProfileName[] {
  return names === undefined
    ? PROFILE_NAMES
    : names.map((name) => oneOf<ProfileName>(name, PROFILE_NAMES, '--profile'))
}

function oneOf<T extends string>(text: string, values: readonly T[], option: string): T {
  const found = values.find((value) => value === text)
  if (found === undefined) throw new UsageError(`${option} "${text}" is unknown; known: ${values.join(', ')}`)
  return found
}

/** The bytes of an argument: standard input, a file, or hex. */
function readContent(input: string | undefined): Uint8Array | null {
  if (input === undefined) return null
  if (input === '-') return new Uint8Array(readFileSync(0))
  if (existsSync(input) && statSync(input).isFile()) return new Uint8Array(readFileSync(input))
  if (!/^[0-9a-fA-Fx\s,]+$/.test(input) && !input.includes('kvm_hv_hypercall:')) {
    throw new UsageError(`"${input}" is neither a file nor hex digits`)
  }
  return new TextEncoder().encode(input)
}

function nameOf(input: string | undefined): string {
  if (input === '-') return 'standard input'
  return input !== undefined && existsSync(input) ? input : 'the input'
}

function givenStructure(structure: string, input: string | undefined): GivenStructure {
  if (input === undefined && structure !== 'help') {
    throw new UsageError('the value is missing; give hex, a file, or - for standard input')
  }
  const content = (): Uint8Array => readContent(input) ?? new Uint8Array(0)
  return {
    word: () => parseWord(new TextDecoder().decode(content()), nameOf(input)),
    bytes: () => bytesOfContent(content(), nameOf(input)),
  }
}
