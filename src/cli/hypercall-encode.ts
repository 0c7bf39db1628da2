/** `shootdown hypercall encode`: from readable arguments, or JSON, to words and bytes. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import {
  ALL_VPS,
  type CallName,
  callShapeByName,
  cpumaskToVpset,
  type EncodedCall,
  encodeFlushInput,
  encodeIpiInput,
  type FlushInput,
  fastRegisters,
  fillGvaListExact,
  fillGvaListExtended,
  type HypercallRegisters,
  hex64,
  type IpiInput,
  memoryRegisters,
  type VpSet,
  vpSetOf,
  withRepStart,
} from '../abi/index.ts'
import { UsageError } from '../core/errors.ts'
import { hexDump, parseCount, parseVpList, parseWord } from './hex-input.ts'

/** Options of `hypercall encode`, as commander gives them. */
export interface EncodeOptions {
  readonly addressSpace?: string
  readonly allProcessors?: boolean
  readonly allSpaces?: boolean
  readonly nonGlobal?: boolean
  readonly extended?: boolean
  readonly flags?: string
  readonly vps?: string
  readonly dense?: boolean
  readonly range: readonly string[]
  readonly element: readonly string[]
  readonly vector?: string
  readonly repStart?: string
  readonly fast?: boolean
  readonly gpa: string
  readonly json?: boolean
}

const CALLS: readonly CallName[] = ['space', 'list', 'space-ex', 'list-ex', 'ipi', 'ipi-ex']

/** The arguments as JSON: the same names as the options, in camelCase. */
const JSON_ARGUMENTS = v.strictObject({
  call: v.string(),
  addressSpace: v.optional(v.string()),
  allProcessors: v.optional(v.boolean()),
  allSpaces: v.optional(v.boolean()),
  nonGlobal: v.optional(v.boolean()),
  extended: v.optional(v.boolean()),
  flags: v.optional(v.string()),
  vps: v.optional(v.union([v.string(), v.array(v.number())])),
  dense: v.optional(v.boolean()),
  range: v.optional(v.array(v.string())),
  element: v.optional(v.array(v.string())),
  vector: v.optional(v.string()),
  repStart: v.optional(v.union([v.string(), v.number()])),
  fast: v.optional(v.boolean()),
})

export async function runEncode(call: string, options: EncodeOptions): Promise<string> {
  const [name, given] = call === '-' ? fromJson(options) : [call, options]
  const found = CALLS.find((known) => known === name)
  if (found === undefined) throw new UsageError(`call "${name}" is unknown; known: ${CALLS.join(', ')}`)
  const encoded = encodeCall(found, given)
  const start = given.repStart === undefined ? 0 : parseCount(given.repStart, '--rep-start', 4095)
  const control = start === 0 ? encoded.control : withRepStart(encoded.control, start)
  const final = { ...encoded, control }
  const registers = registersOf(final, given)
  return options.json === true ? jsonOf(final, registers) : textOf(found, final, registers, given)
}

function fromJson(options: EncodeOptions): [string, EncodeOptions] {
  const text = readFileSync(0, 'utf8')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UsageError(
      `standard input is not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const parsed = v.safeParse(JSON_ARGUMENTS, json)
  if (!parsed.success) {
    const issue = parsed.issues[0]
    throw new UsageError(`standard input: ${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`)
  }
  const { call, vps, repStart, ...rest } = parsed.output
  const defined = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  const merged: EncodeOptions = {
    ...options,
    ...defined,
    ...(vps === undefined ? {} : { vps: typeof vps === 'string' ? vps : vps.join(',') }),
    ...(repStart === undefined ? {} : { repStart: String(repStart) }),
  }
  return [call, merged]
}

function encodeCall(call: CallName, options: EncodeOptions): EncodedCall {
  if (call === 'ipi' || call === 'ipi-ex') return encodeIpiInput(ipiInput(call, options))
  return encodeFlushInput(flushInput(call, options))
}

function ipiInput(call: 'ipi' | 'ipi-ex', options: EncodeOptions): IpiInput {
  if (options.vector === undefined) throw new UsageError('an IPI needs --vector, like --vector 0xfe')
  const head = { vector: parseCount(options.vector, '--vector', 0xffff_ffff), targetVtl: 0, reserved: 0 }
  return call === 'ipi'
    ? { call, ...head, processorMask: maskOf(options) }
    : { call, ...head, vpSet: setOf(options) }
}

function flushInput(call: CallName, options: EncodeOptions): FlushInput {
  const common = {
    addressSpace:
      options.addressSpace === undefined ? 0n : parseWord(options.addressSpace, '--address-space'),
    flags: flagsOf(options),
  }
  switch (call) {
    case 'space':
      return { call, ...common, processorMask: maskOf(options) }
    case 'list':
      return { call, ...common, processorMask: maskOf(options), gvaList: listOf(options) }
    case 'space-ex':
      return { call, ...common, vpSet: setOf(options) }
    case 'list-ex':
      return { call, ...common, vpSet: setOf(options), gvaList: listOf(options) }
    default:
      throw new UsageError(`call "${call}" cannot be encoded here`)
  }
}

function flagsOf(options: EncodeOptions): bigint {
  return (
    (options.allProcessors === true ? 1n : 0n) |
    (options.allSpaces === true ? 2n : 0n) |
    (options.nonGlobal === true ? 4n : 0n) |
    (options.extended === true ? 8n : 0n) |
    (options.flags === undefined ? 0n : parseWord(options.flags, '--flags'))
  )
}

function maskOf(options: EncodeOptions): bigint {
  if (options.vps === undefined) return 0n
  if (options.vps === 'all') throw new UsageError('--vps all needs an Ex call; use --all-processors here')
  const vps = parseVpList(options.vps, '--vps')
  const high = vps.find((vp) => vp > 63)
  if (high !== undefined) throw new UsageError(`VP ${high} does not fit in a mask of 64; use the Ex call`)
  return vps.reduce((mask, vp) => mask | (1n << BigInt(vp)), 0n)
}

function setOf(options: EncodeOptions): VpSet {
  if (options.vps === 'all') return ALL_VPS
  const vps = options.vps === undefined ? [] : parseVpList(options.vps, '--vps')
  if (options.dense !== true) return vpSetOf(vps)
  const built = cpumaskToVpset(vps, Math.max(0, ...vps))
  if (built.kind === 'set') return built.set
  throw new UsageError('--dense cannot name these VPs')
}

function listOf(options: EncodeOptions): bigint[] {
  const ranges = options.range.flatMap((text) => elementsOf(text, options))
  const elements = [...ranges, ...options.element.map((text) => parseWord(text, '--element'))]
  if (elements.length === 0) throw new UsageError('a list call needs at least one --range or --element')
  if (elements.length > 4095)
    throw new UsageError(`${elements.length} list elements; the rep count ends at 4095`)
  return elements
}

/** `START+PAGES` (pages in decimal) or `START-END` (end exclusive), through the exact list builder. */
function elementsOf(text: string, options: EncodeOptions): readonly bigint[] {
  const [, from = '', sign = '', to = ''] =
    /^((?:0x)?[0-9a-f_]+)(?:([+-])((?:0x)?[0-9a-f_]+))?$/i.exec(text) ?? []
  if (from === '')
    throw new UsageError(`--range "${text}": START+PAGES or START-END is needed, like 0x400000+3`)
  const start = parseWord(from, '--range')
  const pages = sign === '+' ? BigInt(parseCount(to, 'pages of --range', 2 ** 40)) : 1n
  const end = sign === '-' ? parseWord(to, '--range') : (start & ~0xfffn) + (pages << 12n)
  if (pages === 0n || end <= start) throw new UsageError(`--range "${text}" is empty`)
  const last = end > 0xffff_ffff_ffff_ffffn ? 0xffff_ffff_ffff_ffffn : end
  const fill = options.extended === true ? fillGvaListExtended : fillGvaListExact
  const list = fill(start, last, 4095)
  if (list.outcome === 'overflows') throw new UsageError(`--range "${text}" needs more than 4095 elements`)
  return list.entries
}

function registersOf(call: EncodedCall, options: EncodeOptions): HypercallRegisters {
  if (options.fast !== true) return memoryRegisters(call.control, parseWord(options.gpa, '--gpa'))
  const fast = fastRegisters(call)
  if (fast.ok) return fast.value
  throw new UsageError(`${fast.error.message}; leave --fast out`)
}

function jsonOf(call: EncodedCall, registers: HypercallRegisters): string {
  const document = {
    format: 1,
    command: 'hypercall encode',
    control: hex64(registers.rcx),
    rdx: hex64(registers.rdx),
    r8: hex64(registers.r8),
    xmm: registers.xmm.map(hex64),
    bytes: [...call.bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function textOf(
  name: CallName,
  call: EncodedCall,
  registers: HypercallRegisters,
  options: EncodeOptions,
): string {
  const shape = callShapeByName(name)
  const lines = [`${shape.title}`, `RCX   ${hex64(registers.rcx)}`, `RDX   ${hex64(registers.rdx)}`]
  if (options.fast === true) {
    lines.push(`R8    ${hex64(registers.r8)}`)
    for (let k = 0; k < registers.xmm.length; k += 2) {
      lines.push(
        `XMM${k / 2}  ${hex64(registers.xmm[k] ?? 0n)} ${hex64(registers.xmm[k + 1] ?? 0n)}  low, high`,
      )
    }
    return `${lines.join('\n')}\n`
  }
  lines.push(...hexDump(call.bytes))
  if (call.bytes.length > 4096) {
    lines.push(`warning: ${call.bytes.length - 4096} bytes lie behind the end of the page`)
  }
  return `${lines.join('\n')}\n`
}
