import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { directory, shootdown, withoutNumbers } from './shootdown.ts'

test('a file of small programs: traces under SC and TSO', async () => {
  const { status, stdout, stderr } = await shootdown('traces examples/traces.ts')
  await expect(withoutNumbers(stdout.replace(/, \d+ ms$/gm, ', T'))).toMatchFileSnapshot('golden/traces.txt')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('--json is as the schema says', async () => {
  const { status, stdout } = await shootdown(
    'traces examples/traces.ts#ticket-lock --memory-model tso --json',
  )
  const schema = JSON.parse(readFileSync(new URL('../../docs/schema/traces.json', import.meta.url), 'utf8'))
  const validate = new Ajv2020({ strict: false }).compile(schema)
  const document = JSON.parse(stdout)
  validate(document)
  expect(validate.errors).toBeNull()
  expect(document.results).toMatchObject([
    { scenario: 'ticket-lock', traces: 30, complete: 6, blocked: 24, options: { memoryModel: 'tso' } },
  ])
  expect(status).toBe(0)
})

test('what the engine does not cover, and a limit: exit status 3', async () => {
  const interrupts = await shootdown('traces thread --memory-model sc')
  expect(interrupts.stdout).toMatch(
    /^not counted {2}thread: .*\n {2}not supported by the dpor engine: CPU0 can be/,
  )
  expect(interrupts.status).toBe(3)
  const limited = await shootdown('traces examples/traces.ts#last-zero --memory-model sc --max-states 30')
  expect(limited.stdout).toMatch(
    /^at least \d+ traces .*\n.*31 events.*\n {2}not all: more than 30 events\n$/,
  )
  expect(limited.status).toBe(3)
})

test('a violation halts its thread, and is told', async () => {
  const cwd = directory({
    'wrong.ts': `import { assert, load, SharedMemory, scenario, store } from 'shootdown'
export default scenario({ name: 'wrong', title: 'x is never 1', uses: [], build: () => {
  const memory = new SharedMemory('tso')
  const x = memory.variable('x')
  memory.thread(function* writer() { yield* store(x, 1) })
  memory.thread(function* reader() { yield* assert((yield* load(x)) === 0, 'x is 0') })
  return memory.program()
} })`,
  })
  const { stdout } = await shootdown('traces wrong.ts', { cwd })
  expect(stdout).toMatch(
    /^2 traces {2}wrong\n {2}1 complete, 0 blocked, 1 halted; .*\n {2}violates T1: assertion: x is 0\n$/,
  )
})

test.each([
  ['traces', /missing required argument 'scenario'/],
  ['traces examples/traces.ts#lock-ticket', /has no scenario lock-ticket.*; it has: sb, sb-fences/],
  ['traces nowhere.ts', /nowhere\.ts/],
  ['traces thread --memory-model pso', /--memory-model pso: unknown/],
])('bad input is one line and exit status 2: %s', async (args, message) => {
  const { status, stdout, stderr } = await shootdown(args)
  expect(stderr).toMatch(message)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
})
