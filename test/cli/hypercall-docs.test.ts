import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { HYPERCALL_GUIDE, renderGuide, withoutTimes } from '../../scripts/hypercall-docs.ts'

test('what the hypercall guide shows is what the commands print (promote: node scripts/hypercall-docs.ts)', () => {
  const text = readFileSync(HYPERCALL_GUIDE, 'utf8')
  expect(withoutTimes(renderGuide(text))).toBe(withoutTimes(text))
}, 120_000)
