import { describe, expect, test } from 'vitest'
import {
  runFeatureCases,
  runFlushCases,
  runIpiCases,
  runMsrCases,
} from '../../../src/hypervisor/hyperv/conformance.ts'
import type { ProfileName } from '../../../src/hypervisor/hyperv/partition.ts'
import { FLUSH_CASES } from '../../../src/hypervisor/hyperv/selftests.ts'

function failing(run: readonly { readonly title: string; readonly outcome: string }[]): string[] {
  return run.filter((c) => c.outcome === 'fail').map((c) => c.title)
}

describe('KVM selftest hyperv_tlb_flush', () => {
  test.each<[number, bigint]>([
    [1, 0x0000000000000002n],
    [2, 0x0000000100000003n],
    [3, 0x0000000000000002n],
    [4, 0x0000000100000003n],
    [5, 0x0000000000020013n],
    [6, 0x0000000100020014n],
    [7, 0x0000000000040013n],
    [8, 0x0000000100040014n],
    [9, 0x0000000000000013n],
    [10, 0x0000000100000014n],
  ])('stage %i has the control word of the selftest', (stage, control) => {
    expect(FLUSH_CASES[stage - 1]).toMatchObject({ stage, call: { control } })
  })

  test.each<ProfileName>(['tlfs', 'kvm'])('%s passes all 20 stages', (profile) => {
    expect(failing(runFlushCases(profile))).toEqual([])
  })

  test('openvmm fails where the set has format ALL, and nowhere else', () => {
    expect(failing(runFlushCases('openvmm')).map((title) => title.split(' ')[0])).toEqual([
      '9',
      '10',
      '19',
      '20',
    ])
  })

  test('xen passes the memory forms and refuses the register forms', () => {
    const stages = failing(runFlushCases('xen')).map((title) => Number(title.split(' ')[0]))
    expect(stages).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  })
})

describe('KVM selftest hyperv_ipi', () => {
  test.each<ProfileName>(['tlfs', 'kvm'])('%s passes', (profile) => {
    expect(failing(runIpiCases(profile))).toEqual([])
  })

  test('xen has no fast form of the Ex call', () => {
    const titles = failing(runIpiCases('xen'))
    expect(titles).toHaveLength(4)
    for (const title of titles) expect(title).toMatch(/^fast SEND_IPI_EX/)
  })
})

describe('KVM selftest hyperv_features', () => {
  test('kvm passes all 21 stages', () => {
    const run = runFeatureCases('kvm')
    expect(run).toHaveLength(21)
    expect(run.filter((c) => c.outcome === 'fail')).toEqual([])
  })

  test('the specification refuses the empty sets of stages 9, 11 and 18', () => {
    const stages = failing(runFeatureCases('tlfs')).map((title) => Number(title.split(' ')[0]))
    expect(stages).toEqual(expect.arrayContaining([9, 11, 18]))
  })

  test('the MSR stages pass', () => {
    expect(failing(runMsrCases())).toEqual([])
  })
})
