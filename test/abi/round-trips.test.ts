/** Every structure: what is written is read back, and any bytes at all are read without an exception. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import {
  CALL_SHAPES,
  callShape,
  cpumaskToVpset,
  decodeControlWord,
  decodeFlushInput,
  decodeGuestOsId,
  decodeGvaRange,
  decodeGvaRangeWords,
  decodeHypercallMsr,
  decodeIpiInput,
  decodeKvmSendIpi,
  decodeMmuextOp,
  decodeResultWord,
  decodeStealTime,
  decodeStealTimeMsr,
  decodeUpdateVaMappingFlags,
  decodeVcpuMask,
  decodeVpAssistMsr,
  decodeVpAssistPage,
  encodeControlWord,
  encodeFlushInput,
  encodeGuestOsId,
  encodeGvaRange,
  encodeHypercallMsr,
  encodeIpiInput,
  encodeKvmSendIpi,
  encodeMmuextOp,
  encodeResultWord,
  encodeStealTime,
  encodeStealTimeMsr,
  encodeVpAssistMsr,
  encodeVpAssistPage,
  type FlushInput,
  fastRegisters,
  HYPERV_CPUID_BITS,
  hypervFeaturesOf,
  type IpiInput,
  inputSize,
  leafOfNames,
  mmuextFlushOf,
  namesInLeaf,
  narrowRegisters,
  registerBlock,
  vendorOfLeaf,
  vpSetOf,
  vpsOfSparse,
  widenRegisters,
} from '../../src/abi/index.ts'

const CASES = { numRuns: 100_000 }

/** Any 64-bit word; built from halves, which is much faster than fast-check's own bigints. */
const half = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff),
)
const word = fc.tuple(half, half).map(([high, low]) => (BigInt(high) << 32n) | BigInt(low))
const words = (max: number) => fc.array(word, { maxLength: max })
const vpSet = fc.record({ format: word, validBankMask: word, banks: words(4) })
const flush: fc.Arbitrary<FlushInput> = fc.oneof(
  fc.record({ call: fc.constant('space' as const), addressSpace: word, flags: word, processorMask: word }),
  fc.record({
    call: fc.constant('list' as const),
    addressSpace: word,
    flags: word,
    processorMask: word,
    gvaList: words(4),
  }),
  fc.record({ call: fc.constant('space-ex' as const), addressSpace: word, flags: word, vpSet }),
  fc.record({
    call: fc.constant('list-ex' as const),
    addressSpace: word,
    flags: word,
    vpSet,
    gvaList: words(4),
  }),
  fc.record({ call: fc.constant('gpa-space' as const), addressSpace: word, flags: word }),
  fc.record({ call: fc.constant('gpa-list' as const), addressSpace: word, flags: word, gvaList: words(4) }),
)
const ipiHead = {
  vector: half,
  targetVtl: fc.integer({ min: 0, max: 255 }),
  reserved: fc.integer({ min: 0, max: 0xff_ffff }),
}
const ipi: fc.Arbitrary<IpiInput> = fc.oneof(
  fc.record({ call: fc.constant('ipi' as const), ...ipiHead, processorMask: word }),
  fc.record({ call: fc.constant('ipi-ex' as const), ...ipiHead, vpSet }),
)

function same(a: unknown, b: unknown): boolean {
  return plain(a) === plain(b)
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))
}

describe('words', () => {
  test('any control word survives being split and composed', () => {
    fc.assert(
      fc.property(word, (w) => encodeControlWord(decodeControlWord(w)) === w),
      CASES,
    )
  })

  test('any result word survives being split and composed', () => {
    fc.assert(
      fc.property(word, (w) => encodeResultWord(decodeResultWord(w)) === w),
      CASES,
    )
  })

  test('any range element survives, in both formats', () => {
    fc.assert(
      fc.property(word, (w) => {
        const legacy = decodeGvaRange(w, 'legacy')
        const extended = decodeGvaRange(w, 'extended')
        const halves = decodeGvaRangeWords(Number(w >> 32n), Number(w & 0xffff_ffffn), 'extended')
        return (
          encodeGvaRange(legacy, 'legacy') === w &&
          encodeGvaRange(extended, 'extended') === w &&
          same(halves, extended)
        )
      }),
      CASES,
    )
  })

  test('any MSR value survives: GUEST_OS_ID, HYPERCALL, VP_ASSIST_PAGE, KVM steal time', () => {
    fc.assert(
      fc.property(
        word,
        (w) =>
          encodeGuestOsId(decodeGuestOsId(w)) === w &&
          encodeHypercallMsr(decodeHypercallMsr(w)) === w &&
          encodeVpAssistMsr(decodeVpAssistMsr(w)) === w &&
          encodeStealTimeMsr(decodeStealTimeMsr(w)) === w,
      ),
      CASES,
    )
  })

  test('any update_va_mapping flags have a meaning', () => {
    fc.assert(
      fc.property(word, (w) => {
        const { what, where, vcpumask } = decodeUpdateVaMappingFlags(w)
        return what !== undefined && (where === 'mask') === (vcpumask !== 0n)
      }),
      CASES,
    )
  })
})

describe('call inputs', () => {
  test('a flush input is read back as it was written', () => {
    fc.assert(
      fc.property(flush, (input) => {
        const { control, bytes } = encodeFlushInput(input)
        const read = decodeFlushInput(decodeControlWord(control), bytes)
        return read.ok && same(read.value, input)
      }),
      CASES,
    )
  })

  test('a cluster IPI is read back as it was written', () => {
    fc.assert(
      fc.property(ipi, (input) => {
        const { control, bytes } = encodeIpiInput(input)
        const read = decodeIpiInput(decodeControlWord(control), bytes)
        return read.ok && same(read.value, input)
      }),
      CASES,
    )
  })

  test('the register form carries the same bytes, and refuses more than 112', () => {
    fc.assert(
      fc.property(flush, (input) => {
        const call = encodeFlushInput(input)
        const fast = fastRegisters(call)
        if (!fast.ok) return call.bytes.length > 112
        const block = registerBlock(fast.value)
        return call.bytes.every((byte, at) => block[at] === byte)
      }),
      CASES,
    )
  })

  test('any control word over any bytes gives a value or a typed error', () => {
    const code = fc.oneof(
      fc.constantFrom(...CALL_SHAPES.map((s) => s.code)),
      fc.integer({ min: 0, max: 0xffff }),
    )
    const bytes = fc.uint8Array({ maxLength: 80 })
    const size = fc.integer({ min: 0, max: 6 })
    fc.assert(
      fc.property(code, size, size, bytes, (callCode, variableHeaderSize, repCount, input) => {
        const control = { callCode, variableHeaderSize, repCount }
        const reads = [decodeFlushInput(control, input), decodeIpiInput(control, input)]
        const call = callShape(callCode)
        const enough = call !== undefined && inputSize(call, control) <= input.length
        return reads.filter((r) => r.ok).length === (enough ? 1 : 0)
      }),
      CASES,
    )
  })

  test('a 32-bit caller has the same words', () => {
    fc.assert(
      fc.property(word, word, word, (rcx, rdx, r8) => {
        const registers = { rcx, rdx, r8, xmm: [] }
        return same(widenRegisters(narrowRegisters(registers)), registers)
      }),
      CASES,
    )
  })
})

describe('VP sets', () => {
  const vps = fc.uniqueArray(fc.integer({ min: 0, max: 4095 }), { maxLength: 6 })

  test('a sparse set names the VPs that it was made of', () => {
    fc.assert(
      fc.property(vps, (members) => {
        const set = vpSetOf(members)
        return same(
          vpsOfSparse(set.validBankMask, set.banks),
          members.sort((a, b) => a - b),
        )
      }),
      CASES,
    )
  })

  test("the kernel's dense set names the same VPs with every bank below the highest", () => {
    fc.assert(
      fc.property(vps, (members) => {
        const built = cpumaskToVpset(members, 4031)
        if (built.kind !== 'set') return false
        const { set, nrBank } = built
        return (
          set.banks.length === nrBank &&
          set.validBankMask === (1n << BigInt(nrBank)) - 1n &&
          same(
            vpsOfSparse(set.validBankMask, set.banks),
            members.sort((a, b) => a - b),
          )
        )
      }),
      CASES,
    )
  })
})

describe('Xen and KVM structures', () => {
  test('mmuext_op survives, and any bytes are read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 28 }), (bytes) => {
        const read = decodeMmuextOp(bytes)
        if (!read.ok) return bytes.length < 24
        mmuextFlushOf(read.value)
        return same([...encodeMmuextOp(read.value)], [...bytes.subarray(0, 24)])
      }),
      CASES,
    )
  })

  test('the steal-time area survives, and any bytes are read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 60, maxLength: 68 }), (bytes) => {
        const read = decodeStealTime(bytes)
        if (!read.ok) return bytes.length < 64
        return same([...encodeStealTime(read.value).subarray(0, 17)], [...bytes.subarray(0, 17)])
      }),
      CASES,
    )
  })

  test('the VP assist page survives, and any bytes are read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 50, maxLength: 60 }), (bytes) => {
        const read = decodeVpAssistPage(bytes)
        if (!read.ok) return bytes.length < 56
        const again = decodeVpAssistPage(encodeVpAssistPage(read.value))
        return again.ok && same(again.value, read.value)
      }),
      CASES,
    )
  })

  test('a vCPU mask names nobody at or above the maximum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.integer({ min: 1, max: 160 }), (bytes, maxVcpus) => {
        const read = decodeVcpuMask(bytes, maxVcpus)
        if (!read.ok) return bytes.length < 8 * Math.ceil(maxVcpus / 64)
        return read.value.every((vcpu) => vcpu < maxVcpus && ((bytes[vcpu >> 3]! >> (vcpu & 7)) & 1) === 1)
      }),
      CASES,
    )
  })

  test('the calls of KVM_HC_SEND_IPI together reach the ids that were asked for', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 0, max: 700 }), { maxLength: 8 })
    fc.assert(
      fc.property(ids, (apicIds) => {
        const calls = encodeKvmSendIpi({ apicIds, icr: 0xfdn })
        const reached = calls.flatMap((call) => decodeKvmSendIpi(call).apicIds)
        return same(
          reached,
          apicIds.sort((a, b) => a - b),
        )
      }),
      CASES,
    )
  })
})

describe('CPUID', () => {
  test('named bits survive, and any leaf is read', () => {
    fc.assert(
      fc.property(half, half, half, half, (eax, ebx, ecx, edx) => {
        const leaf = { eax, ebx, ecx, edx }
        const names = namesInLeaf(HYPERV_CPUID_BITS, 0x4000_0003, leaf)
        hypervFeaturesOf(leaf, leaf)
        if (vendorOfLeaf(leaf).length !== 12) return false
        return same(
          namesInLeaf(HYPERV_CPUID_BITS, 0x4000_0003, leafOfNames(HYPERV_CPUID_BITS, 0x4000_0003, names)),
          names,
        )
      }),
      CASES,
    )
  })
})
