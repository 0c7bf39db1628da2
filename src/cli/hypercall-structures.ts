/** `shootdown hypercall decode --as STRUCTURE`: single words and structures beside the calls. */
import {
  type Decoded,
  decodeControlWord,
  decodeGuestOsId,
  decodeGvaRange,
  decodeHypercallMsr,
  decodeKvmSendIpi,
  decodeMmuextOp,
  decodeResultWord,
  decodeStealTime,
  decodeStealTimeMsr,
  decodeUpdateVaMappingFlags,
  decodeVpAssistMsr,
  decodeVpAssistPage,
  gvaRangeSpan,
  HYPERV_CPUID_BITS,
  KVM_CPUID_BITS,
  KVM_VCPU_FLUSH_TLB,
  KVM_VCPU_PREEMPTED,
  MMUEXT_COMMANDS,
  mmuextFlushOf,
  namesInLeaf,
  statusName,
  viewOf,
  vpsOfSparse,
} from '../abi/index.ts'
import { UsageError } from '../core/errors.ts'

/** The user's value, as a 64-bit word or as bytes: only the structure knows which it is. */
export interface GivenStructure {
  word(): bigint
  bytes(): Uint8Array
}

type Fields = Readonly<Record<string, unknown>>

interface Structure {
  readonly what: string
  decode(given: GivenStructure): Fields
}

const STRUCTURES: Readonly<Record<string, Structure>> = {
  control: { what: 'hypercall control word', decode: (g) => ({ ...decodeControlWord(g.word()) }) },
  result: {
    what: 'hypercall result word, RAX',
    decode: (g) => {
      const result = decodeResultWord(g.word())
      return { ...result, statusName: statusName(result.status) }
    },
  },
  'gva-range': { what: 'list element, legacy format', decode: (g) => rangeFields(g.word(), 'legacy') },
  'gva-range-extended': {
    what: 'list element, extended format',
    decode: (g) => rangeFields(g.word(), 'extended'),
  },
  'vp-set': { what: 'HV_VP_SET: format, mask, banks', decode: (g) => vpSetFields(g.bytes()) },
  'guest-os-id': { what: 'MSR 0x40000000', decode: (g) => ({ ...decodeGuestOsId(g.word()) }) },
  'hypercall-msr': { what: 'MSR 0x40000001', decode: (g) => ({ ...decodeHypercallMsr(g.word()) }) },
  'vp-assist-msr': { what: 'MSR 0x40000073', decode: (g) => ({ ...decodeVpAssistMsr(g.word()) }) },
  'vp-assist-page': {
    what: 'VP assist page, 56 bytes',
    decode: (g) => ({ ...orUsageError(decodeVpAssistPage(g.bytes())) }),
  },
  'cpuid-features': {
    what: 'CPUID 0x40000003: EAX, EBX, ECX, EDX as 16 bytes',
    decode: (g) => cpuidFields(g.bytes(), 0x4000_0003),
  },
  'cpuid-recommendations': {
    what: 'CPUID 0x40000004: EAX, EBX, ECX, EDX as 16 bytes',
    decode: (g) => cpuidFields(g.bytes(), 0x4000_0004),
  },
  'cpuid-kvm': {
    what: 'CPUID 0x40000001 of KVM: EAX, EBX, ECX, EDX as 16 bytes',
    decode: (g) => cpuidFields(g.bytes(), 0x4000_0001),
  },
  'mmuext-op': { what: "Xen's struct mmuext_op, 24 bytes", decode: (g) => mmuextFields(g.bytes()) },
  'update-va-mapping': {
    what: "flags of Xen's update_va_mapping",
    decode: (g) => ({ ...decodeUpdateVaMappingFlags(g.word()) }),
  },
  'steal-time': { what: "KVM's steal-time area, 64 bytes", decode: (g) => stealTimeFields(g.bytes()) },
  'steal-time-msr': { what: 'MSR 0x4b564d03', decode: (g) => ({ ...decodeStealTimeMsr(g.word()) }) },
  'kvm-send-ipi': {
    what: 'KVM_HC_SEND_IPI: RAX, RBX, RCX, RDX, RSI as 40 bytes',
    decode: (g) => sendIpiFields(g.bytes()),
  },
}

/** Decodes one structure and prints it, as aligned lines or JSON. */
export function decodeStructure(name: string, given: GivenStructure, json: boolean): string {
  const structure = STRUCTURES[name]
  if (structure === undefined) {
    const known = Object.entries(STRUCTURES).map(([key, s]) => `${key} (${s.what})`)
    if (name === 'help') return `${known.join('\n')}\n`
    throw new UsageError(`--as "${name}" is unknown; known: ${Object.keys(STRUCTURES).join(', ')}`)
  }
  const fields = structure.decode(given)
  if (json) return `${JSON.stringify({ format: 1, structure: name, fields }, hexWords, 2)}\n`
  const width = Math.max(...Object.keys(fields).map((key) => key.length))
  return `${Object.entries(fields)
    .map(([key, value]) => `${key.padEnd(width)}  ${plain(value)}`.trimEnd())
    .join('\n')}\n`
}

function hexWords(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map(plain).join(', ')
  if (typeof value === 'bigint') return `0x${value.toString(16)}`
  if (typeof value === 'number' && value > 9) return `${value} (0x${value.toString(16)})`
  return String(value)
}

function orUsageError<T>(read: Decoded<T>): T {
  if (read.ok) return read.value
  throw new UsageError(read.error.message)
}

function rangeFields(word: bigint, format: 'legacy' | 'extended'): Fields {
  const range = decodeGvaRange(word, format)
  const { first, count } = gvaRangeSpan(range)
  const start = BigInt(first) << 12n
  return { ...range, start, last: start + (BigInt(count) << 12n) - 1n, pages: count }
}

function vpSetFields(bytes: Uint8Array): Fields {
  if (bytes.length < 16 || bytes.length % 8 !== 0) {
    throw new UsageError(`a VP set has 16 bytes and 8 for each bank; there are ${bytes.length}`)
  }
  const view = viewOf(bytes)
  const banks = Array.from({ length: bytes.length / 8 - 2 }, (_, k) => view.getBigUint64(16 + 8 * k, true))
  const validBankMask = view.getBigUint64(8, true)
  return {
    setFormat: view.getBigUint64(0, true),
    validBankMask,
    banks,
    vps: vpsOfSparse(validBankMask, banks),
  }
}

function cpuidFields(bytes: Uint8Array, leaf: number): Fields {
  if (bytes.length < 16) throw new UsageError(`a CPUID leaf has 16 bytes; there are ${bytes.length}`)
  const view = viewOf(bytes)
  const [eax, ebx, ecx, edx] = [0, 4, 8, 12].map((at) => view.getUint32(at, true))
  const registers = { eax: eax ?? 0, ebx: ebx ?? 0, ecx: ecx ?? 0, edx: edx ?? 0 }
  const table = leaf === 0x4000_0001 ? KVM_CPUID_BITS : HYPERV_CPUID_BITS
  return { ...registers, bits: namesInLeaf(table, leaf, registers) }
}

function mmuextFields(bytes: Uint8Array): Fields {
  const op = orUsageError(decodeMmuextOp(bytes))
  const flush = mmuextFlushOf(op)
  const asked = flush.ok
    ? { flushes: flush.value.what, where: flush.value.where }
    : { flushes: 'nothing', why: flush.error.message }
  return { cmd: op.cmd, name: MMUEXT_COMMANDS[op.cmd] ?? 'unknown', arg1: op.arg1, arg2: op.arg2, ...asked }
}

function stealTimeFields(bytes: Uint8Array): Fields {
  const area = orUsageError(decodeStealTime(bytes))
  const isPreempted = (area.preempted & KVM_VCPU_PREEMPTED) !== 0
  const flush = (area.preempted & KVM_VCPU_FLUSH_TLB) !== 0
  return {
    ...area,
    sender: isPreempted ? 'swaps in bit 1 and sends no IPI' : 'sends an IPI',
    host: flush ? 'flushes before the vCPU runs again' : 'need not flush',
  }
}

function sendIpiFields(bytes: Uint8Array): Fields {
  if (bytes.length < 40)
    throw new UsageError(`KVM_HC_SEND_IPI has 40 bytes of registers; there are ${bytes.length}`)
  const view = viewOf(bytes)
  const word = (k: number): bigint => view.getBigUint64(8 * k, true)
  const registers = { rax: word(0), rbx: word(1), rcx: word(2), rdx: word(3), rsi: word(4) }
  return { ...registers, ...decodeKvmSendIpi(registers) }
}
