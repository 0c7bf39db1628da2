import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ROOT, runProgram } from '../cli/shootdown.ts'
import { litmusText } from './language.ts'
import { SUITES } from './suites.ts'

const directory = mkdtempSync(join(tmpdir(), 'litmus-'))
afterAll(() => rmSync(directory, { recursive: true }))

function litmus(...args: readonly string[]) {
  return runProgram(join(ROOT, 'node_modules/.bin/node'), [join(ROOT, 'src/cli/main.ts'), 'litmus', ...args])
}

function file(name: string, text: string): string {
  const path = join(directory, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

const SB = litmusText({ name: 'SB', threads: 'Wx1;Ry0 || Wy1;Rx0' })
const sb = file('good/SB.litmus', SB)
const mp = file('good/more/MP.litmus', litmusText({ name: 'MP', threads: 'Wx1;Wy1 || Ry1;Rx0' }))
const bad = file('bad/bad.litmus', 'X86_64 bad\n{}\nP0;\nfrob;\nexists x=1')

describe('shootdown litmus', () => {
  it('prints what herd prints', async () => {
    const { status, stdout, stderr } = await litmus(sb)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Test SB Allowed\nStates 4\n0:rax=0; 1:rax=0;\n/)
    expect(stdout).toMatch(/\nObservation SB Sometimes 1 3\n\n$/)
  })
  it('takes several models', async () => {
    const { stdout } = await litmus(sb, '--memory-model', 'tso,sc')
    expect(stdout).toMatch(/^Model tso\nTest SB Allowed[\s\S]*Model sc\nTest SB Allowed\nStates 3\n/)
  })
  it('goes through folders and lists, and sums up', async () => {
    const list = file('@all', '# two tests\ngood/SB.litmus\ngood/more/MP.litmus\n')
    for (const target of [join(directory, 'good'), list]) {
      const { status, stdout } = await litmus(target, '--summary')
      expect(status).toBe(0)
      expect(stdout).toMatch(/2 tests under tso: 1 Sometimes, 1 Never\n$/)
    }
  })
  it('gets every published answer', async () => {
    const { status, stdout } = await litmus(SUITES, '--summary', '--memory-model', 'tso,sc')
    expect(status).toBe(0)
    expect(stdout.match(/120 of 120 documented answers came out/g)?.length).toBe(2)
  })
  it('says when a documented answer does not come out', async () => {
    const never = file('never.litmus', SB.replace('SB\n', 'SB\n(* Result: Never *)\n'))
    const inFile = await litmus(never, '--summary')
    expect([inFile.status, inFile.stdout]).toEqual([1, expect.stringContaining('1 3  documented: Never')])
    const kinds = file('kinds.txt', 'SB Forbid\nMP Forbidden # as well\n')
    const { status, stdout } = await litmus(sb, mp, '--kinds', kinds, '--summary')
    expect([status, stdout]).toEqual([1, expect.stringContaining('1 of 2 documented answers came out')])
  })
  it('prints one JSON document', async () => {
    const { status, stdout } = await litmus(sb, '--json')
    expect(status).toBe(0)
    const document = JSON.parse(stdout)
    expect(document).toMatchObject({ format: 1, status: 0, errors: [] })
    expect(document.results[0]).toMatchObject({
      name: 'SB',
      model: 'tso',
      kind: 'Allowed',
      condition: 'exists 0:rax=0 /\\ 1:rax=0',
      ok: true,
      positive: 1,
      negative: 3,
      observation: 'Sometimes',
      loopCut: false,
      documented: null,
      asDocumented: null,
    })
    expect(document.results[0].states[0]).toEqual({ values: { '0:rax': '0', '1:rax': '0' }, executions: 1 })
  })
  it('gives the same for many files, in their order, over threads', async () => {
    for (let i = 0; i < 450; i++) file(`many/${1000 + i}.litmus`, SB.replace('SB', `SB${i}`))
    file('many/1100.litmus', 'X86_64 bad')
    const { status, stdout, stderr } = await litmus(join(directory, 'many'), '--json')
    expect([status, stderr.split('\n').length]).toEqual([2, 2])
    const { results, errors } = JSON.parse(stdout)
    const names = Array.from({ length: 450 }, (_, i) => `SB${i}`).filter((name) => name !== 'SB100')
    expect(results.map(({ name }: { name: string }) => name)).toEqual(names)
    expect(errors).toEqual([expect.objectContaining({ inconclusive: false })])
  })
  it('runs the others when a file is bad', async () => {
    const { status, stdout, stderr } = await litmus(bad, sb)
    expect([status, stderr]).toEqual([2, `shootdown: ${bad}:4: the instruction frob is not known\n`])
    expect(stdout).toContain('Observation SB Sometimes')
  })
  it('says when a limit was hit', async () => {
    const { status, stderr } = await litmus(sb, '--max-states', '3')
    expect([status, stderr]).toEqual([3, `shootdown: ${sb}: test SB is inconclusive: more than 3 states\n`])
  })
  it('prints the page-table shapes', async () => {
    const { status, stdout } = await litmus('--page-tables')
    expect([status, stdout.trimEnd().split('\n').length]).toEqual([0, 33])
  })
  it.each([
    [[], "missing required argument 'file'"],
    [['none.litmus'], 'none.litmus: no such file or folder'],
    [[join(directory, 'good'), '--memory-model', 'pso'], 'tso, sc, or both: tso,sc.'],
    [[sb, '--unroll', '-1'], 'a whole number above 0 is needed.'],
    [[sb, '--kinds', bad], 'bad.litmus:1: "NAME Allow"'],
  ])('%j is one clear line, and exit status 2', async (args, message) => {
    const { status, stderr } = await litmus(...args)
    expect([status, stderr.trimEnd().split('\n').length]).toEqual([2, 1])
    expect(stderr).toContain(message)
  })
})
