import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

function documentOf(...args: string[]): unknown {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

function problems(name: string, document: unknown) {
  const schema = JSON.parse(readFileSync(new URL(`../../docs/schema/${name}.json`, import.meta.url), 'utf8'))
  const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema)
  validate(document)
  return validate.errors ?? []
}

describe('JSON documents are as their schemas say', () => {
  const small = ['--ms', '0.5', '--runs', '2', '--json']

  it('bench of a workload', () => {
    const document = documentOf('bench', 'gup-storm', '--pcpus', '2,3', '--flush', 'native,hyperv', ...small)
    expect(problems('bench', document)).toEqual([])
    const broken = structuredClone(document) as { arms: { rate: object }[] }
    broken.arms[0]!.rate = { value: 'fast', plusMinus: 0 }
    expect(problems('bench', broken)).not.toEqual([])
  })

  it('bench over lists of settings', () => {
    const lists = ['--pti', 'off,on', '--threads', '1,2', '--pcpus', '2', '--hogs', '0,2', '--vcpus', '2']
    const document = documentOf('bench', 'tlb-flush', ...lists, ...small) as {
      arms: { where: string; name: string; size: object; ratio: { value: number } }[]
    }
    expect(problems('bench', document)).toEqual([])
    expect(document.arms.map(({ name }) => name).slice(0, 2)).toEqual([
      'native, rcu, pti off',
      'native, rcu, pti on',
    ])
    expect(new Set(document.arms.map(({ where }) => where)).size).toBe(4)
    for (const { name, ratio } of document.arms) if (name.endsWith('off')) expect(ratio.value).toBe(1)
  })

  it('bench of a scenario file', () => {
    const scenario = [
      'examples/traces.ts',
      '--flush',
      'native,kvm',
      '--pti',
      'off,on',
      '--runs',
      '2',
      '--json',
    ]
    expect(problems('bench', documentOf('bench', ...scenario))).toEqual([])
  })

  it('bench kernbench', () => {
    const document = documentOf(
      'bench',
      'kernbench',
      '--pcpus',
      '6',
      '--free',
      'immediate,rcu',
      '-s',
      '--ms',
      '30',
      '--runs',
      '2',
      '--json',
    )
    expect(problems('bench', document)).toEqual([])
  })

  it('validate', () => {
    expect(problems('validate', documentOf('validate', 'VS-09', 'VS-13', '--runs', '1', '--json'))).toEqual(
      [],
    )
  })
})
