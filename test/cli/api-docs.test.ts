/** The examples of docs/api.md are programs: they type-check against the library. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ROOT } from './shootdown.ts'

test('docs/api.md: examples that import something type-check', () => {
  const text = readFileSync(join(ROOT, 'docs/api.md'), 'utf8')
  const blocks = [...text.matchAll(/```[tj]s\n(import [\s\S]*?)```/g)].map(([, block]) => block as string)
  expect(blocks.length).toBeGreaterThanOrEqual(6)
  // Inside the clone: the name of the library is looked up from here.
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(ROOT, '.cache/docs-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [i, block] of blocks.entries()) writeFileSync(join(folder, `example-${i}.ts`), block)
  const paths = { shootdown: ['../../src/index.ts'], 'shootdown/abi': ['../../src/abi/index.ts'] }
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { paths, noUnusedLocals: false, noUncheckedIndexedAccess: false },
    include: ['*.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  let errors = ''
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    errors = (error as { stdout: string }).stdout
  }
  expect(errors).toBe('')
})
