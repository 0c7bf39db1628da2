import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, describe, expect, it } from 'vitest'
import { registerBench } from '../../src/cli/bench.ts'
import { type BenchFlags, benchPlan, flagOf } from '../../src/cli/bench-options.ts'
import { COST_MODELS } from '../../src/simulate/costs/registry.ts'
import { checkHost } from '../../src/simulate/host.ts'
import { DEFAULT_KNOBS } from '../../src/simulate/workloads/workload.ts'

const docs = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8')
const program = new Command()
registerBench(program)
const options = program.commands[0]!.options.map(({ long }) => long)

const directory = mkdtempSync(join(tmpdir(), 'machine-docs-'))
afterAll(() => rmSync(directory, { recursive: true }))

const PLAIN: BenchFlags = { runs: '1', seed: '1', profile: 'tlfs' }

/** Keys of a machine whose value is not known before something else is. */
const WITHOUT_DEFAULT = ['cachePcpus']
const keys = [...new Set([...Object.keys(checkHost({}, 'test')), ...WITHOUT_DEFAULT])]
const knobs = Object.keys(DEFAULT_KNOBS)

describe('everything that can be said about a machine', () => {
  it.each([...keys, ...knobs])('%s is an option, and documented', (key) => {
    expect(options).toContain(flagOf(key))
    expect(docs).toContain(`\`${key}\``)
  })

  it('may stand in a JSON file, and means the same as the options', () => {
    const file = join(directory, 'machine.json')
    const host = checkHost({ pcpus: 8, vcpus: 4, vms: 2, cachePcpus: 4, costs: { exit: 5 } }, 'test')
    const load = { ...DEFAULT_KNOBS, threads: 2, processes: 1, pages: 2 }
    writeFileSync(file, JSON.stringify({ ...host, workload: load }))
    const [arm] = benchPlan({ ...PLAIN, machine: file }).arms
    expect(arm!.host).toEqual(host)
    expect(arm!.knobs).toEqual(load)
    const text = (value: unknown) => (typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value))
    const flags = Object.fromEntries(
      Object.entries({ ...host, ...load }).map(([key, value]) => [
        key,
        key === 'costs' ? 'exit=5' : text(value),
      ]),
    )
    expect(benchPlan({ ...PLAIN, ...flags }).arms[0]).toMatchObject({ host, knobs: load })
  })

  it('has names of costs that are documented', () => {
    for (const name of Object.keys(COST_MODELS[0]!.constants)) expect(docs).toContain(`\`${name}\``)
  })
})
