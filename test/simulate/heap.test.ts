import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EventHeap } from '../../src/simulate/heap.ts'

it('gives items in the order of their times, equal times by number, whatever was changed or removed before', () => {
  const change = fc.record({ item: fc.nat(19), time: fc.option(fc.nat(50)) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const heap = new EventHeap(20)
      const due = new Map<number, number>()
      for (const { item, time } of changes) {
        if (time === null) {
          heap.remove(item)
          due.delete(item)
        } else {
          heap.set(item, time)
          due.set(item, time)
        }
        expect(heap.timeOf(item)).toBe(due.get(item))
      }
      const expected = [...due].sort(([a, s], [b, t]) => s - t || a - b).map(([item]) => item)
      const found: number[] = []
      for (let item = heap.pop(); item >= 0; item = heap.pop()) found.push(item)
      expect(found).toEqual(expected)
      expect(heap.earliest).toBe(Number.POSITIVE_INFINITY)
    }),
    { seed: 7 },
  )
})
