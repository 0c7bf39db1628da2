import { describe, expect, test } from 'vitest'
import { makeDiagram } from '../../src/report/diagram.ts'
import { trail } from './trails.ts'

/** The steps that are shown, as `column: text`. */
function shown(
  lines: readonly string[],
  property: Parameters<typeof trail>[0] = 'assertion',
): readonly string[] {
  const { columns, rows } = makeDiagram(trail(property, 'x', lines), [])
  return rows.filter((row) => row.kind === 'step').map((row) => `${columns[row.column]}: ${row.text}`)
}

describe('a diagram shows', () => {
  test('loads and stores only where another CPU touches the same cell', () => {
    expect(
      shown([
        'CPU0 f store: private = 1',
        'CPU0 f drain: private = 1',
        'CPU0 f store: flag = 1',
        'CPU0 f drain: flag = 1',
        'CPU1 g load: r = flag -> 1',
        'CPU1 g load: r = own -> 0',
        'CPU1 g assert: r = 1',
      ]),
    ).toEqual(['CPU0: flag = 1', 'CPU1: r = flag -> 1', 'CPU1: r = 1'])
  })

  test('a store and its drain apart when another CPU takes a step between them', () => {
    expect(
      shown(['CPU0 f store: x = 1', 'CPU1 g load: r = x -> 0', 'CPU0 f drain: x = 1', 'CPU1 g assert: no']),
    ).toEqual(['CPU0: x = 1 (buffered)', 'CPU1: r = x -> 0', 'CPU0: drain: x = 1', 'CPU1: no'])
  })

  test("what happens between VM exit and VM entry in the hypervisor's column", () => {
    expect(
      shown([
        'CPU0 hypercall vmexit: VMCALL',
        'CPU0 flush invlpg: flush guest TLB',
        'CPU0 enter vmentry: VM entry',
        'CPU0 f invlpg: INVLPG',
      ]),
    ).toEqual(['CPU0: VMCALL', 'hypervisor: flush guest TLB', 'hypervisor: VM entry', 'CPU0: INVLPG'])
  })

  test('the ends of a loop that does not end', () => {
    const loop = Array.from({ length: 100 }, (_, i) => `CPU0 fill local: gva_list[${i}]`)
    expect(shown([...loop, 'CPU0 fill assert: no end'], 'progress')).toEqual([
      'CPU0: gva_list[0]',
      'CPU0: gva_list[1]',
      'CPU0: ... (96 steps)',
      'CPU0: gva_list[98]',
      'CPU0: gva_list[99]',
      'CPU0: no end',
    ])
  })

  test('facts that are new, and those that end', () => {
    const { rows } = makeDiagram(
      trail('assertion', 'x', [
        'CPU0 f free: free T # T is free; CPU1 may hold v->X',
        'CPU0 f invlpg: INVLPG # T is free; CPU1 may hold v->Y',
        'CPU0 f invlpg: INVLPG # T is free',
      ]),
      ['CPU1 may hold v->X'],
    )
    expect(rows.filter((row) => row.kind === 'step').map((row) => row.facts)).toEqual([
      ['T is free'],
      ['CPU1 may hold v->Y'],
      ['no longer: CPU1 may hold v->Y'],
    ])
  })
})
