/**
 * The published suites as files of ours, in `test/litmus/suites`. They are made from the shapes:
 *
 *     node test/litmus/suites.ts
 *
 * writes them, and `suites.test.ts` holds the files against the shapes.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CATALOGUE } from './catalogue.ts'
import { BOTH, NEITHER, ONLY_TSO } from './coatcheck.ts'
import { litmusText, type Shape } from './language.ts'

export const SUITES = fileURLToPath(new URL('suites', import.meta.url))

interface SuiteFile {
  readonly path: string
  readonly text: string
}

function results(tso: string, sc: string): string {
  return `(*\n * Result: ${tso}\n * Result under SC: ${sc}\n *)`
}

function coatcheck(shapes: readonly Shape[], tso: string, sc: string): SuiteFile[] {
  return shapes.map((shape) => ({
    path: `coatcheck/${shape.name}.litmus`,
    text: litmusText(shape, { comment: results(tso, sc) }),
  }))
}

/** Every file, by path below {@link SUITES}. */
export const SUITE_FILES: readonly SuiteFile[] = [
  ...coatcheck(ONLY_TSO, 'Sometimes', 'Never'),
  // A CPU always reads what it has just written: iwp23b has no other outcome.
  ...BOTH.flatMap((shape) => {
    const result = shape.name === 'iwp23b' ? 'Always' : 'Sometimes'
    return coatcheck([shape], result, result)
  }),
  ...coatcheck(NEITHER, 'Never', 'Never'),
  ...CATALOGUE.map((shape) => ({
    path: `x86_64/${shape.name}.litmus`,
    text: litmusText(shape, {
      comment: results(shape.tso === 'Allow' ? 'Sometimes' : 'Never', 'Never'),
      all: true,
    }),
  })),
]

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(SUITES, { recursive: true, force: true })
  for (const { path, text } of SUITE_FILES) {
    mkdirSync(dirname(join(SUITES, path)), { recursive: true })
    writeFileSync(join(SUITES, path), text)
  }
}
