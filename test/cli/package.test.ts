/**
 * The package as users get it: packed, unpacked into an empty project with its dependencies and nothing else, and run by this
 * Node and by every other one on the PATH that is supported.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT, runProgram } from './shootdown.ts'

/** A program that uses every part of the library, and prints what came of it. */
const LIBRARY = `
import * as shootdown from 'shootdown'
const { check, DEFAULT_OPTIONS, SCENARIOS } = shootdown
const scenario = (name) => SCENARIOS.find((one) => one.name === name)
const thread = () => scenario('thread').build(DEFAULT_OPTIONS)
const traces = ['sc', 'tso'].map((model) => {
  const memory = new shootdown.SharedMemory(model)
  const [x, y] = [memory.variable('x'), memory.variable('y')]
  memory.thread(function* () { yield* shootdown.store(x, 1); yield* shootdown.load(y) })
  memory.thread(function* () { yield* shootdown.store(y, 1); yield* shootdown.load(x) })
  return shootdown.countTraces(memory.program()).complete
})
const [site] = shootdown.sitesOf(thread()).sites.filter(({ what }) => what === 'wait')
const mutant = check(thread(), { without: new Set([site.site]), shortest: false })
let record
check(thread(), { onSafe: (make) => { record = make() } })
const what = { scenario: 'thread', options: DEFAULT_OPTIONS }
const certificate = shootdown.decodeCertificate(shootdown.writeCertificate(what, thread(), record))
let refused
try { shootdown.verify(scenario('boot-order').build(DEFAULT_OPTIONS), certificate) } catch (error) { refused = error }
const host = shootdown.checkHost({ pcpus: 2 }, 'host')
const spec = { workload: 'munmap-storm', flush: 'native', free: 'rcu', profile: 'tlfs', knobs: {}, seed: 1 }
function* user(cpu) { yield* shootdown.returnToUser(cpu) }
const now = shootdown.buildModernGuest({ ...DEFAULT_OPTIONS, flush: 'native' })
for (const cpu of now.machine.cpus) now.machine.run(cpu, shootdown.frame(user, cpu))
console.log(JSON.stringify({
  traces,
  livelock: check(scenario('spin-irqs-off').build(DEFAULT_OPTIONS)).trail.length,
  needed: mutant.verdict === 'unsafe',
  reached: shootdown.coverGoals(thread).some(({ answer }) => answer === 'reached'),
  verified: shootdown.verify(thread(), certificate).states > 100,
  refused: refused?.constructor.name,
  simulated: shootdown.simulate({ ...spec, host, milliseconds: 2 }).rate > 0,
  timed: Number.isFinite(shootdown.timeProgram(scenario('lock-released').build(DEFAULT_OPTIONS), host, 1).nanoseconds),
  today: check(now.machine.program()).verdict,
}))
`

const project = mkdtempSync(join(tmpdir(), 'shootdown-package-'))
const installed = join(project, 'node_modules/shootdown')

/** Names of the packages that `npm install shootdown` would bring along, from the lock file. */
function dependencies(): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>
  }
  return Object.entries(packages)
    .filter(([path, { dev }]) => path.startsWith('node_modules/') && dev !== true)
    .map(([path]) => path.slice('node_modules/'.length))
    .filter((name) => !name.includes('/node_modules/'))
    .filter((name) => existsSync(join(ROOT, 'node_modules', name)))
}

/** This Node, and other supported ones on the PATH. */
function nodes(): readonly { readonly version: string; readonly path: string }[] {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
  const found = new Map<string, string>()
  for (const path of [process.execPath, ...onPath]) {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
    const [major = 0, minor = 0] = version.slice(1).split('.').map(Number)
    if ((major > 20 || (major === 20 && minor >= 19)) && !found.has(version)) found.set(version, path)
  }
  return [...found].map(([version, path]) => ({ version, path }))
}

beforeAll(() => {
  // --ignore-scripts: the build is run here, so that its errors are seen.
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts')], { cwd: ROOT })
  const options = { cwd: ROOT, stdio: 'pipe' } as const
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', project], options)
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz')) as string
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(project, tarball), '-C', installed, '--strip-components=1'])
  for (const name of dependencies()) {
    mkdirSync(dirname(join(project, 'node_modules', name)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name))
  }
  cpSync(join(ROOT, 'examples'), join(project, 'examples'), { recursive: true })
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe.each(nodes())('the package on Node $version', ({ path }) => {
  const main = join(installed, 'dist/cli/main.js')
  const run = (...args: string[]) => runProgram(path, [main, ...args], { cwd: project })

  test('checks a scenario', async () => {
    const { status, stdout, stderr } = await run('check', 'thread')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^safe {2}thread/)
  })

  test('as a library: checks, counts, needs, covers, certifies and simulates', async () => {
    const { status, stdout, stderr } = await runProgram(path, ['--input-type=module', '-e', LIBRARY], {
      cwd: project,
    })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      traces: [3, 4],
      livelock: 'lasso',
      needed: true,
      reached: true,
      verified: true,
      refused: 'Refused',
      simulated: true,
      timed: true,
      today: 'safe',
    })
    expect(status).toBe(0)
  })

  test('writes a scenario in TypeScript, and checks it', async () => {
    const name = `race-${process.hrtime.bigint()}`
    expect(await run('new', name)).toMatchObject({ status: 0, stderr: '' })
    const { status, stdout, stderr } = await run('check', `${name}.ts`)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`^safe {2}${name}`))
  })

  test('is a library for node:test', async () => {
    const { status, stdout } = await runProgram(
      path,
      ['--test', '--test-reporter=tap', 'examples/node-test/unmap-page.test.mjs'],
      {
        cwd: project,
        // Or node:test believes that it is run by another one.
        env: { NODE_TEST_CONTEXT: undefined },
      },
    )
    expect(stdout).toMatch(/# pass 3\n# fail 0/)
    expect(status).toBe(0)
  })

  test('lists its scenarios', async () => {
    expect((await run('list')).stdout).toMatch(/^thread /)
  })
})

test('the package holds what it needs and no more', () => {
  const files = readdirSync(installed).sort()
  expect(files).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json', 'templates'].sort(),
  )
  expect(existsSync(join(installed, 'dist/index.d.ts'))).toBe(true)
  expect(statSync(join(installed, 'dist/cli/main.js')).mode & 0o111).not.toBe(0)
})

test("an editor finds the library's types", () => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck']
  const types = ['--types', '', '--allowImportingTsExtensions', 'examples/unmap-page.ts']
  expect(() =>
    execFileSync(process.execPath, [tsc, ...options, ...types], { cwd: project, stdio: 'pipe' }),
  ).not.toThrow()
})
