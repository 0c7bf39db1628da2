/** The output that is printed in the docs is what the commands print: `npm run test:promote` puts it there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT, shootdown } from './shootdown.ts'

const BLOCK = /(<!-- output of: (.*?) -->\n```\n)[\s\S]*?(```\n<!-- end of output -->)/g

test.each(['docs/reading-a-counterexample.md'])('%s', async (path) => {
  let text = readFileSync(join(ROOT, path), 'utf8')
  for (const [block, head = '', command = '', foot = ''] of text.matchAll(BLOCK)) {
    const { stdout } = await shootdown(command)
    // Times and numbers of states are another thing on every machine and with every version.
    const lines = stdout.split('\n').filter((line) => !line.startsWith('search: '))
    text = text.replace(block, () => `${head}${lines.join('\n')}${foot}`)
  }
  await expect(text).toMatchFileSnapshot(join(ROOT, path))
})
