import { expect, test } from 'vitest'
import { styleFor } from '../../src/report/style.ts'

test.each([
  [{}, 100],
  [{ isTTY: true, columns: 80 }, 80],
  [{ isTTY: true, columns: 90 }, 90],
  [{ isTTY: true, columns: 200 }, 100],
  [{ isTTY: true, columns: 40 }, 80],
  [{ isTTY: false, columns: 80 }, 100],
])('a report on %o is at most %i wide', (stream, width) => {
  expect(styleFor(stream, {}).width).toBe(width)
})
