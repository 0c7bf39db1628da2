/** AMD Milan, the INVLPGB patches. */
import { type CostModel, cycles, entries, ns } from '../cost-model.ts'
import { X86 } from './x86.ts'

export const MILAN: CostModel = {
  name: 'milan',
  title: 'AMD Milan, the INVLPGB patches',
  ghz: 2.45,
  constants: {
    ...X86,
    line: ns(60, 'assumption: between core complexes of one socket'),
    invlpg: cycles(150, 'assumption: no figure for Zen 3 is published'),
    invpcid: cycles(250, 'assumption: no figure for Zen 3 is published'),
    tlbEntries: entries(2048, 'performance.md 1.3: Zen 3, R(0.85)'),
  },
}
