import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Runner } from '../../src/run/run.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { directory, ROOT, shootdown } from './shootdown.ts'

const TEMPLATE = readFileSync(join(ROOT, 'templates/scenario.ts'), 'utf8')

/** The command line's own runner, less patient, without a process for each test. */
const runner = new Runner({ stuckMs: 1_500, graceMs: 1_000 })
afterAll(() => runner.close())

/** Checks a file with this text; gives the verdict, or the error. */
async function checkFile(text: string) {
  const file = join(directory({ 'my.ts': text }), 'my.ts')
  const { targets } = await runner.describe([file])
  const [info] = targets.flat()
  if (info === undefined) throw new Error('no scenario')
  const [result] = await runner.run([{ info, scenario: info, options: DEFAULT_OPTIONS, limits: {} }])
  return result?.verdict
}

/** The message of the error that a file with this text gives, with the file's name as short as a user sees it. */
const errorOf = (text: string) =>
  checkFile(text).then(
    (verdict) => `no error, but ${verdict?.verdict}`,
    (error: Error) => error.message.replaceAll(/\S*\/my\.ts/g, 'my.ts'),
  )

/** A scenario whose only vCPU code is `body` (line 4 of the file). */
const guest = (body: string) => `import { frame, Machine, scenario, store } from 'shootdown'
declare const v: any
function* guest(cpu: any, v: any): any {
  ${body}
}
export default scenario({ name: 'mine', title: 'mine', uses: [], build: ({ cpus, memoryModel, levels }) => {
  const machine = new Machine({ cpus, memoryModel, levels, track: [], frames: [] })
  const v = machine.variable('v', 0, 2)
  for (const cpu of machine.cpus) machine.run(cpu, frame(guest, cpu, v))
  return machine.program()
} })
`

describe('new', () => {
  test('writes a scenario that is safe as it stands', async () => {
    const cwd = directory()
    const made = await shootdown('new lazy-flush', { cwd })
    expect(made).toMatchObject({
      status: 0,
      stdout: 'wrote lazy-flush.ts; next: shootdown check lazy-flush.ts\n',
    })
    const checked = await shootdown('check lazy-flush.ts --cpus 2,3 --memory-model tso,sc --levels 5', {
      cwd,
    })
    expect(checked.status).toBe(0)
    expect(checked.stdout).toContain('lazy-flush')
    expect(checked.stdout.match(/\bsafe\b/g)).toHaveLength(4)
  })

  test('does not overwrite', async () => {
    const cwd = directory({ 'mine.ts': 'precious' })
    const { status, stderr } = await shootdown('new mine', { cwd })
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'shootdown: mine.ts exists already, and is left as it is\n',
    })
    expect(readFileSync(join(cwd, 'mine.ts'), 'utf8')).toBe('precious')
  })

  test('refuses names that are none', async () => {
    expect((await shootdown('new ../x', { cwd: directory() })).status).toBe(2)
  })

  const without = (mark: string) =>
    TEMPLATE.split('\n')
      .filter((line) => !line.includes(`// ${mark}`))
      .join('\n')
  const line = (mark: string) => TEMPLATE.split('\n').find((text) => text.includes(`// ${mark}`)) as string
  test.each([
    ['without (1)', without('(1)')],
    ['without (2)', without('(2)')],
    ['with (3) before them', without('(3)').replace(line('(1)'), `${line('(3)')}\n${line('(1)')}`)],
  ])('%s it is unsafe, as its comments say', async (_, text) => {
    expect(await checkFile(text)).toMatchObject({ verdict: 'unsafe', property: 'translation coherence' })
  })
})

describe('a scenario file that is wrong is told whose fault it is and where', () => {
  test.each([
    [
      'throws when it is loaded',
      "throw new Error('at load')",
      'my.ts:1: the scenario file does not load: at load',
    ],
    ['has a syntax error', 'export default = 3', 'my.ts:1:15: Unexpected token'],
    ['imports what is not there', "import './nope.ts'", /my.ts:1: .*Cannot find module '.\/nope.ts'/],
    ['exports nothing', 'export const x = 1', /my.ts exports no scenario/],
    ['has no build', "export default { name: 'x', title: 'x', uses: [] }", /x needs build\(options\)/],
    [
      'uses an unknown option',
      "export default { name: 'x', title: 'x', uses: ['cpu'], build() {} }",
      /uses has no option cpu \(did you mean cpus\?\)/,
    ],
    [
      'builds nothing',
      "export default { name: 'x', title: 'x', uses: [], build() { return 3 } }",
      'my.ts: build() of scenario x returns number, not a program',
    ],
    [
      'throws in build',
      "export default { name: 'x', title: 'x', uses: [],\n build() { throw new TypeError('no') } }",
      'my.ts:2: build() of scenario x throws TypeError: no',
    ],
    [
      'misspells an import',
      "import { Machin } from 'shootdown'\nexport default { name: 'x', title: 'x', uses: [], build() {\n new (Machin as any)() } }",
      "my.ts:3: 'shootdown' has no export Machin (did you mean Machine?)",
    ],
    ['has code that throws', guest("throw new Error('oops')"), /my.ts:4: guest throws: oops/],
    ['yields what is no operation', guest('yield 42'), /my.ts: guest yields 42, which is no operation/],
    [
      'is not deterministic',
      guest('yield* store(v, Math.floor(Math.random() * 4))'),
      /my.ts: guest did not repeat itself/,
    ],
  ])('%s', async (_, text, message) => {
    expect(await errorOf(text)).toMatch(message)
  })

  test('in one line, with exit status 2', async () => {
    const cwd = directory({ 'my.ts': guest("throw new Error('oops')") })
    const { status, stdout, stderr } = await shootdown('check my.ts', { cwd })
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: 'shootdown: my.ts:4: guest throws: oops\n',
    })
  })

  test('a guest that loops without an operation loses progress, at its line', async () => {
    const verdict = await checkFile(guest('for (;;) {}'))
    expect(verdict).toMatchObject({
      verdict: 'unsafe',
      property: 'progress',
      trail: {
        violation: {
          message: expect.stringMatching(
            /my\.ts:4: guest runs without yielding an operation: no end within 1.5 s/,
          ),
        },
      },
    })
  })

  test("a build that does not come back is the scenario's fault", async () => {
    const text = "export default { name: 'x', title: 'x', uses: [],\n build() { for (;;) {} } }"
    expect(await errorOf(text)).toBe('my.ts:2: build() of scenario x has not come back within 1.5 s')
  })
})

test('two scenarios of one name are one too many', async () => {
  const one = "{ name: 'x', title: 'x', uses: [], build: () => null }"
  const cwd = directory({ 'my.ts': `export default [${one}, ${one}]` })
  const { status, stderr } = await shootdown('check my.ts', { cwd })
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: 'shootdown: my.ts has two scenarios with the name x\n',
  })
})

test('one file may hold several scenarios, and import others', async () => {
  const cwd = directory({
    'a.ts': TEMPLATE,
    'b.ts': "export { default as one } from './a.ts'\nexport { default as two } from './a.ts'\n",
  })
  const { status, stdout } = await shootdown('check b.ts', { cwd })
  expect(stdout.match(/my-race/g)?.length).toBeGreaterThanOrEqual(1)
  expect(status).toBe(0)
})
