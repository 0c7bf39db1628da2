import { describe, expect, test } from 'vitest'
import {
  callShape,
  decodeControlWord,
  decodeFlushInput,
  decodeGvaRange,
  decodeIpiInput,
  decodeResultWord,
  encodeControlWord,
  encodeFlushInput,
  encodeIpiInput,
  encodeResultWord,
  type FlushInput,
  fastRegisters,
  fillGvaList,
  fillGvaList2017,
  fillGvaListExact,
  gvaRangeSpan,
  inputSize,
  linuxGuestOsId,
  listCapacity,
  registerBlock,
  vpSetOf,
  vpsOfSparse,
  withRepStart,
} from '../../src/abi/index.ts'
import { dump, EXAMPLES } from './examples.ts'

function example(prefix: string) {
  const found = EXAMPLES.find((e) => e.name.startsWith(`${prefix} `))
  if (found === undefined) throw new Error(`no example ${prefix}`)
  return found
}

describe('worked examples', () => {
  test.each(EXAMPLES)('$name: written byte for byte', ({ input, control, bytes }) => {
    const call =
      input.call === 'ipi' || input.call === 'ipi-ex' ? encodeIpiInput(input) : encodeFlushInput(input)
    expect(call.control).toBe(control)
    expect(call.bytes).toEqual(bytes)
  })

  test.each(EXAMPLES)('$name: read back', ({ input, control, bytes }) => {
    const word = decodeControlWord(control)
    const isIpi = input.call === 'ipi' || input.call === 'ipi-ex'
    const read = isIpi ? decodeIpiInput(word, bytes) : decodeFlushInput(word, bytes)
    expect(read).toEqual({ ok: true, value: input })
  })

  test('the sets of E5 and E7 name VPs 0, 5, 130 and 2, 65', () => {
    expect(vpsOfSparse(5n, [0x21n, 4n])).toEqual([0, 5, 130])
    expect(vpSetOf([130, 0, 5])).toEqual({ format: 0n, validBankMask: 5n, banks: [0x21n, 4n] })
    expect(vpSetOf([65, 2])).toEqual({ format: 0n, validBankMask: 3n, banks: [4n, 2n] })
  })

  test('E4 comes from the kernel loop', () => {
    const list = fillGvaList(0x7f0000000000n, 0x7f0000000000n + 0x1801000n, 509)
    expect(list).toEqual({ entries: [0x7f0000000fffn, 0x7f0001000800n], outcome: 'complete' })
    expect(list.entries.map((e) => gvaRangeSpan(decodeGvaRange(e, 'legacy')).count)).toEqual([4096, 2049])
  })

  test('E9: E1 in the XMM fast form', () => {
    const registers = fastRegisters(encodeFlushInput(example('E1').input as FlushInput))
    expect(registers).toEqual({ ok: true, value: { rcx: 0x10002n, rdx: 0n, r8: 2n, xmm: [4n] } })
  })

  test('E10: one page on VPs 2 and 65 in the XMM fast form', () => {
    const call = encodeFlushInput({
      call: 'list-ex',
      addressSpace: 0n,
      flags: 2n,
      vpSet: vpSetOf([2, 65]),
      gvaList: [0x7f00deadb000n],
    })
    expect(call.bytes.length).toBe(56)
    const registers = fastRegisters(call)
    expect(registers).toEqual({
      ok: true,
      value: { rcx: 0x100050014n, rdx: 0n, r8: 2n, xmm: [0n, 3n, 4n, 2n, 0x7f00deadb000n] },
    })
    if (registers.ok) expect(registerBlock(registers.value).subarray(0, 56)).toEqual(call.bytes)
  })

  test('E11 decodes to 4 KiB, 2 MiB and 1 GiB entries', () => {
    const spans = [0x7f00000007ffn, 0x7f0000200802n, 0x7f0040001800n].map((e) =>
      decodeGvaRange(e, 'extended'),
    )
    expect(spans).toEqual([
      { pageSize: '4K', page: 0x7f0000000, additionalPages: 2047, reserved: 0 },
      { pageSize: '2M', page: 0x7f0000200, additionalPages: 2, reserved: 0 },
      { pageSize: '1G', page: 0x7f0040000, additionalPages: 0, reserved: 0 },
    ])
    expect(spans.map((s) => gvaRangeSpan(s).count)).toEqual([2048, 3 * 512, 512 * 512])
  })

  test('E11 read as legacy: 2051 pages, and 2049 pages from one page too high', () => {
    const [, two, gib] = [0x7f00000007ffn, 0x7f0000200802n, 0x7f0040001800n]
    expect(gvaRangeSpan(decodeGvaRange(two, 'legacy'))).toEqual({ first: 0x7f0000200, count: 2051 })
    expect(gvaRangeSpan(decodeGvaRange(gib, 'legacy'))).toEqual({ first: 0x7f0040001, count: 2049 })
  })

  test('E12: the words of a continued 25-element list', () => {
    const first = encodeControlWord({ callCode: 3, repCount: 25 })
    expect(first).toBe(0x0000001900000003n)
    expect(withRepStart(first, 20)).toBe(0x0014001900000003n)
    expect(encodeResultWord({ status: 0, repsCompleted: 25 })).toBe(0x0000001900000000n)
    expect(decodeResultWord(0x0000001400000005n)).toEqual({ status: 5, repsCompleted: 20, reserved: 0n })
  })

  test('E13 in the fast form', () => {
    const call = encodeIpiInput({ call: 'ipi', vector: 0xfe, targetVtl: 0, reserved: 0, processorMask: 4n })
    expect(fastRegisters(call)).toEqual({ ok: true, value: { rcx: 0x1000bn, rdx: 0xfen, r8: 4n, xmm: [] } })
  })

  test.each([
    [0x000001fd00000003n, 509, 0],
    [0x000001fb00020014n, 507, 1],
    [0x000001bc00800014n, 444, 64],
  ])('E15: control word %s fills a page exactly', (control, ranges, banks) => {
    const word = decodeControlWord(control)
    const call = callShape(word.callCode)
    expect(word).toMatchObject({ repCount: ranges, variableHeaderSize: banks, reserved: 0n })
    expect(call).toBeDefined()
    if (call === undefined) return
    expect(inputSize(call, word)).toBe(4096)
    expect(listCapacity(call, banks)).toBe(ranges)
  })

  test('E16: the last megabytes of the address space are one range', () => {
    const [start, end] = [0xfffffffffefff000n, 0xfffffffffffff000n]
    for (const fill of [fillGvaList2017, fillGvaList, fillGvaListExact]) {
      expect(fill(start, end, 509)).toEqual({ entries: [0xfffffffffeffffffn], outcome: 'complete' })
    }
  })

  test('B1: from 0xffffffffff000000 up the 2017 loop does not end, today it does', () => {
    const [start, end] = [0xffffffffff000000n, 0xfffffffffffff000n]
    expect(fillGvaList2017(start, end, 100_000).outcome).toBe('overflows')
    expect(fillGvaList(start, end, 509)).toEqual({ entries: [0xffffffffff000ffen], outcome: 'complete' })
  })

  test('an unaligned start loses its last page in the kernel loops, not in ours', () => {
    expect(fillGvaList2017(0x1800n, 0x2800n, 509).entries).toEqual([0x1000n])
    expect(fillGvaList(0x1800n, 0x2800n, 509).entries).toEqual([0x1000n])
    expect(fillGvaListExact(0x1800n, 0x2800n, 509).entries).toEqual([0x1001n])
  })

  test('reps are counted since element 0', () => {
    expect(decodeResultWord(0x0000000500000000n).repsCompleted).toBe(5)
  })

  test('kernel 6.1.0 calls itself 0x8100000601000000', () => {
    expect(linuxGuestOsId(6, 1, 0)).toBe(0x8100000601000000n)
  })

  test('a dump is read row by row', () => {
    expect(dump('0000  01 02', '0010  03')).toEqual(Uint8Array.of(1, 2, 3))
  })
})
