import { expect, test } from 'vitest'
import { LatestValue, RecentValues } from '../../src/machine/recent.ts'

test('a recent value is found by its number, the first one for ever, and one that has been forgotten never', () => {
  const values = new RecentValues<string>('first')
  const ids = Array.from({ length: 20 }, (_, i) => values.id(`value ${i}`))
  expect(new Set(ids).size).toBe(20)
  expect(values.value(ids.at(-1)!)).toBe('value 19')
  expect(values.value(ids[10]!)).toBe('value 10')
  expect(values.value(values.id('first'))).toBe('first')
  expect(() => values.value(ids[0]!)).toThrow('has been forgotten')
})

test('of a latest value nothing is known but the first one and the last one', () => {
  const values = new LatestValue<string | null>(null)
  expect([values.id('a'), values.id('b'), values.id(null)]).toEqual([1, 1, 0])
  expect(values.value(1)).toBe('b')
  expect(values.value(0)).toBeNull()
})
