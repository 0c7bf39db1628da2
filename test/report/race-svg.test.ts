import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { raceSvg } from '../../scripts/race-svg.ts'

test('the drawing of the README is that of the counterexample', async () => {
  await expect(raceSvg()).toMatchFileSnapshot(
    join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/race.svg'),
  )
})
