import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  controlHighOf,
  controlLowOf,
  decodeControlWord,
  decodeFlushInput,
  decodeGvaRange,
  encodeFlushInput,
  type FlushInput,
  gvaRangeSpan,
  makeFlushFields,
  readFlushFields,
  setRange,
  viewOf,
  vpSetOf,
  writeFlushFields,
} from '../../src/abi/index.ts'
import { EXAMPLES } from './examples.ts'

const half = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 8, 0x800, 0x1800, 0xffff_ffff),
)
const word = fc.tuple(half, half).map(([high, low]) => (BigInt(high) << 32n) | BigInt(low))
const code = fc.constantFrom(0x02, 0x03, 0x13, 0x14)

const low = (w: bigint) => Number(w & 0xffff_ffffn)
const high = (w: bigint) => Number(w >> 32n)

describe('flush calls without allocation', () => {
  const fields = makeFlushFields()

  test('read what the other reader reads, and write the same bytes', () => {
    const bytes = new Uint8Array(64)
    const view = viewOf(bytes)
    const copy = viewOf(new Uint8Array(64))
    const size = fc.integer({ min: 0, max: 3 })
    fc.assert(
      fc.property(code, size, size, fc.array(word, { minLength: 8, maxLength: 8 }), (callCode, b, r, all) => {
        const banks = callCode >= 0x13 ? b : 0
        const ranges = callCode === 0x03 || callCode === 0x14 ? r : 0
        all.forEach((w, k) => {
          view.setBigUint64(8 * k, w, true)
        })
        const control = BigInt(callCode) | (BigInt(banks) << 17n) | (BigInt(ranges) << 32n)
        const outcome = readFlushFields(fields, low(control), high(control), view, 0)
        const other = decodeFlushInput(decodeControlWord(control), bytes)
        if (!other.ok) return outcome === 'too-short'
        const { value } = other
        const format = (value.flags & 8n) === 0n ? 'legacy' : 'extended'
        const list = 'gvaList' in value ? value.gvaList : []
        const end = writeFlushFields(fields, copy, 0)
        return (
          outcome === 'read' &&
          fields.addressSpaceLow === low(value.addressSpace) &&
          fields.flagsHigh === high(value.flags) &&
          fields.ranges === list.length &&
          list.every((element, k) => {
            const span = gvaRangeSpan(decodeGvaRange(element, format))
            return fields.rangePage[k] === span.first && fields.rangePages[k] === span.count
          }) &&
          controlLowOf(fields) === low(control) &&
          controlHighOf(fields) === high(control) &&
          Array.from({ length: end }, (_, k) => k).every((k) => copy.getUint8(k) === bytes[k])
        )
      }),
      { numRuns: 100_000 },
    )
  })

  test.each(EXAMPLES.filter((e) => 'addressSpace' in e.input))('$name', ({ control, bytes }) => {
    expect(readFlushFields(fields, low(control), high(control), viewOf(bytes), 0)).toBe('read')
    const out = new Uint8Array(bytes.length)
    expect(writeFlushFields(fields, viewOf(out), 0)).toBe(bytes.length)
    expect(out).toEqual(bytes)
  })

  test('what cannot be read leaves the fields alone', () => {
    const view = viewOf(new Uint8Array(24))
    expect(readFlushFields(fields, 2, 0, view, 0)).toBe('read')
    expect(readFlushFields(fields, 3, 1, view, 0)).toBe('too-short')
    expect(readFlushFields(fields, 0xb, 0, view, 0)).toBe('unknown-call')
    expect(readFlushFields(fields, 0x14 | (65 << 17), 1, view, 0)).toBe('too-large')
    expect(fields.callCode).toBe(2)
  })

  test('a range is put together without bigints', () => {
    const input: FlushInput = {
      call: 'list-ex',
      addressSpace: 0n,
      flags: 2n,
      vpSet: vpSetOf([65]),
      gvaList: [0xffff8880deadb00fn],
    }
    const { control, bytes } = encodeFlushInput(input)
    readFlushFields(fields, low(control), high(control), viewOf(bytes), 0)
    setRange(fields, 0, 0xffff8880deadb, 16)
    const out = new Uint8Array(bytes.length)
    writeFlushFields(fields, viewOf(out), 0)
    expect(out).toEqual(bytes)
  })
})
