import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT, runProgram } from '../cli/shootdown.ts'

/** The commands of docs/litmus.md with the output printed there; `...` stands for lines left out. */
const SESSIONS = [
  ...readFileSync(join(ROOT, 'docs/litmus.md'), 'utf8').matchAll(/^```console\n([\s\S]*?)^```/gm),
].map(([, block = '']) => {
  const [command = '', ...lines] = block.trimEnd().split('\n')
  return [command.replace(/^\$ shootdown /, ''), lines.join('\n')] as const
})

it.each(SESSIONS)('docs/litmus.md shows what "shootdown %s" prints', async (command, shown) => {
  const main = join(ROOT, 'src/cli/main.ts')
  const { stdout } = await runProgram(join(ROOT, 'node_modules/.bin/node'), [main, ...command.split(' ')])
  let rest = stdout
  for (const part of shown.split(/^\.\.\.$/m).map((text) => text.trim())) {
    expect(rest).toContain(part)
    rest = rest.slice(rest.indexOf(part) + part.length)
  }
})
