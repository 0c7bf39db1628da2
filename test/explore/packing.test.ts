/** Packed states: nothing wraps, nothing is lost, and the hash spreads what lies close together. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect } from '../../src/explore/collect.ts'
import { CellOverflow, Layout } from '../../src/explore/layout.ts'
import { hashOf, StateStore } from '../../src/explore/store.ts'
import { program } from './language.ts'

describe('a layout', () => {
  const widths = fc.array(fc.integer({ min: 0, max: 32 }), { minLength: 1, maxLength: 40 })

  it('keeps every field apart from the others', () => {
    fc.assert(
      fc.property(widths, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (bits, random) => {
        const layout = new Layout(bits)
        const state = new Uint32Array(layout.words)
        const wanted = bits.map((width) => Math.floor((random.next().value ?? 0) * (2 ** width - 1)))
        for (const round of [1, 2]) {
          for (const [field, value] of wanted.entries()) layout.put(state, field, round === 1 ? 0 : value)
        }
        expect(wanted.map((_, field) => layout.get(state, field))).toEqual(wanted)
      }),
    )
  })

  it('never wraps', () => {
    const layout = new Layout([2, 3])
    const state = new Uint32Array(layout.words)
    expect(() => layout.put(state, 0, 4)).toThrow(CellOverflow)
    layout.put(state, 1, 7)
    expect(layout.get(state, 0)).toBe(0)
  })
})

it('a value that does not fit widens its cell', () => {
  const { terminals } = collect(program('Wx4000000000;Rx;Wyr || Wz1'))
  expect([...terminals]).toEqual(['4000000000 4000000001 1 1 1 0 0 0 0 | done done'])
})

describe('the store', () => {
  it('tells all states apart, however many and however alike', () => {
    const store = new StateStore(3)
    const state = new Uint32Array(3)
    for (let i = 0; i < 60_000; i++) {
      state.set([i & 0xff, 7, (i >>> 8) << 20])
      expect(store.add(state, 0, 0)).toBe(i)
    }
    for (let i = 59_999; i >= 0; i -= 997) {
      state.set([i & 0xff, 7, (i >>> 8) << 20])
      expect(store.add(state, 0, 0)).toBe(i)
    }
    expect(store.size).toBe(60_000)
  })

  it.each([0, 5, 16, 24])('hashes states that differ from bit %i on into different slots', (shift) => {
    const slots = new Set<number>()
    const state = new Uint32Array(4)
    for (let i = 0; i < 4096; i++) {
      state[2] = i << shift
      state[1] = i >>> (32 - shift || 1)
      slots.add(hashOf(state, 4) & 0xffff)
    }
    // 4096 balls in 65536 bins: about 3970 are hit.
    const distinct = shift > 20 ? 2 ** (32 - shift) : 4096
    expect(slots.size).toBeGreaterThan(0.9 * Math.min(distinct, 3970))
  })
})
