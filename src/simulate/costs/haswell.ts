/** Haswell server, the thread's time. */
import { type CostModel, entries } from '../cost-model.ts'
import { X86 } from './x86.ts'

export const HASWELL: CostModel = {
  name: 'haswell',
  title: "Haswell server, the thread's time",
  ghz: 2.6,
  constants: {
    ...X86,
    tlbEntries: entries(1024, 'performance.md 1.3: Haswell, R(0.85)'),
  },
}
