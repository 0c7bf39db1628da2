/** AMD Milan, the INVLPGB patches. */
import { type CostModel, cycles, entries, ns } from '../cost-model.ts'
import { X86 } from './x86.ts'

export const MILAN: CostModel = {
  name: 'milan',
  title: 'AMD Milan, the INVLPGB patches',
  ghz: 2.45,
  constants: {
    ...X86,
    tlbsync: ns(
      790,
      'calibrated: VS-05, VS-06, where INVLPGB levels off between 1.16 and 1.37 million flushes a second',
    ),
    fault: ns(1000, 'calibrated: VS-05, 3.17 us a loop on one thread'),
    flushFunction: ns(250, 'calibrated: VS-05, 2 and 4 threads with IPIs'),
    interrupt: cycles(1150, 'calibrated: VS-05, 2 and 4 threads with IPIs; entry with its mitigations'),
    iret: cycles(600, 'calibrated: VS-05, as above'),
    icr: cycles(300, 'assumption: one ICR write for each target, no clusters'),
    line: ns(25, 'assumption: within a core complex, as published measurements of Zen 3 have it'),
    lineAcross: ns(
      150,
      'calibrated: VS-05, 8 and 16 threads with IPIs; about 100 where nobody else wants it',
    ),
    invlpg: cycles(150, 'assumption: no figure for Zen 3 is published'),
    invpcid: cycles(250, 'assumption: no figure for Zen 3 is published'),
    tlbEntries: entries(2048, 'performance.md 1.3: Zen 3, R(0.85)'),
  },
}
