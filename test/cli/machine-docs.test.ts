import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, describe, expect, it } from 'vitest'
import { registerBench } from '../../src/cli/bench.ts'
import { type BenchFlags, benchPlan } from '../../src/cli/bench-options.ts'
import { UsageError } from '../../src/core/errors.ts'
import { COST_MODELS } from '../../src/simulate/costs/registry.ts'
import { checkHost } from '../../src/simulate/host.ts'
import { flagOf } from '../../src/simulate/setting-names.ts'
import { DEFAULT_KNOBS } from '../../src/simulate/workloads/workload.ts'

const docs = readFileSync(new URL('../../docs/simulator.md', import.meta.url), 'utf8')
const program = new Command()
registerBench(program)
const options = program.commands[0]!.options.map(({ long }) => long)

const directory = mkdtempSync(join(tmpdir(), 'machine-docs-'))
afterAll(() => rmSync(directory, { recursive: true }))

const PLAIN: BenchFlags = { runs: '1', seed: '1', profile: 'tlfs' }

/** Keys of a machine whose value is not known before something else is. */
const WITHOUT_DEFAULT = ['cachePcpus', 'workingSet']
const keys = [...new Set([...Object.keys(checkHost({}, 'test')), ...WITHOUT_DEFAULT])]
const knobs = Object.keys(DEFAULT_KNOBS)

const schema = JSON.parse(
  readFileSync(new URL('../../docs/schema/machine.json', import.meta.url), 'utf8'),
) as { properties: Record<string, Property> & { workload: { properties: Record<string, Property> } } }

interface Property {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

/** Values at the edge of what the schema allows, and beyond it. */
function edges({ type, enum: names, minimum, maximum }: Property): { good: unknown[]; bad: unknown[] } {
  if (names !== undefined) return { good: [...names], bad: ['nobody'] }
  if (type === 'boolean') return { good: [true, false], bad: [1] }
  const limits = [minimum, maximum].filter((limit) => limit !== undefined)
  const beyond = [minimum! - 1, ...(maximum === undefined ? [] : [maximum + 1])]
  return { good: limits, bad: [...beyond, ...(type === 'integer' ? [minimum! + 0.5] : []), 'three'] }
}

/** Whether bench takes a description. */
function taken(description: object): boolean {
  const file = join(directory, 'edge.json')
  writeFileSync(file, JSON.stringify(description))
  try {
    return benchPlan({ ...PLAIN, machine: file }).arms.length > 0
  } catch (error) {
    if (error instanceof UsageError) return false
    throw error
  }
}

describe('docs/schema/machine.json', () => {
  const { workload, $schema: _, costs: _costs, ...machine } = schema.properties

  it('has every key', () => {
    expect(Object.keys(schema.properties).sort()).toEqual([...keys, '$schema', 'workload'].sort())
    expect(Object.keys(workload.properties).sort()).toEqual([...knobs].sort())
    expect(taken({ $schema: 'machine.json', pcpus: 2 })).toBe(true)
  })

  // Sockets, vCPUs and VMs are large enough for everything that one key alone may be.
  const roomy = (key: string, value: unknown) => ({ pcpus: 4096, vcpus: 1024, virtual: true, [key]: value })

  it.each(Object.entries(machine))('allows for %s what bench takes', (key, property) => {
    const { good, bad } = edges(property)
    for (const value of good) {
      const description = key === 'virtual' ? { virtual: value } : roomy(key, value)
      expect(taken(description), `${key}: ${String(value)}`).toBe(true)
    }
    for (const value of bad) expect(taken(roomy(key, value)), `${key}: ${String(value)}`).toBe(false)
  })

  it.each(Object.entries(workload.properties))('allows for workload.%s what bench takes', (key, property) => {
    const { good, bad } = edges(property)
    const of = (value: unknown) => taken({ pcpus: 4, workload: { [key]: value } })
    for (const value of good) expect(of(value), `${key}: ${String(value)}`).toBe(true)
    for (const value of bad) expect(of(value), `${key}: ${String(value)}`).toBe(false)
  })
})

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
