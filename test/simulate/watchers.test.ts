import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Watchers } from '../../src/simulate/watchers.ts'

test('watchers stay in the order in which they came, whoever leaves, as in a plain list', () => {
  const changes = fc.array(fc.record({ leaves: fc.boolean(), who: fc.nat(20) }), { maxLength: 200 })
  fc.assert(
    fc.property(changes, (all) => {
      const watchers = new Watchers<number>()
      const list: number[] = []
      for (const { leaves, who } of all) {
        const place = list.indexOf(who)
        if (leaves) {
          watchers.remove(who)
          if (place >= 0) list.splice(place, 1)
        } else if (place < 0) {
          watchers.add(who)
          list.push(who)
        }
        expect(watchers.all()).toEqual(list)
        expect(watchers.count).toBe(list.length)
        expect(watchers.before(who)).toBe(list[list.indexOf(who) - 1])
      }
    }),
  )
})
