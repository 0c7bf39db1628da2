import { expect, it } from 'vitest'
import { resolveCosts } from '../../src/simulate/cost-model.ts'
import { COST_MODELS, costModel } from '../../src/simulate/costs/registry.ts'
import { checkHost } from '../../src/simulate/host.ts'

it('a wrong key of a machine is named', () => {
  expect(() => checkHost({ pcpu: 4 }, 'm.json')).toThrow(/m\.json: "pcpu"/)
  expect(() => checkHost({ apic: 'none' }, 'm.json')).toThrow(/apic/)
})

it('bare metal has one machine with a pCPU for each CPU', () => {
  expect(() => checkHost({ pcpus: 2, vcpus: 4, virtual: false }, 'm.json')).toThrow(/bare metal/)
  expect(checkHost({ pcpus: 2 }, 'm.json').virtual).toBe(false)
  expect(checkHost({ pcpus: 2 }, 'm.json', 'hyperv').virtual).toBe(true)
})

it('every constant of every cost model says where it comes from', () => {
  for (const model of COST_MODELS) {
    for (const [name, { source, value }] of Object.entries(model.constants)) {
      expect(source, `${model.name}.${name}`).toMatch(
        /^(performance\.md \d|Linux \S|assumption:|calibrated: VS-)/,
      )
      expect(value).toBeGreaterThan(0)
    }
  }
})

it('costs can be changed by name, in their own units', () => {
  const model = costModel('skylake')
  expect(resolveCosts(model, { exit: 2500 }).exit).toBeCloseTo(1000)
  expect(() => resolveCosts(model, { exits: 1 })).toThrow(/no cost is called exits/)
})
