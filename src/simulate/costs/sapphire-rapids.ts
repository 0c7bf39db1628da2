/** Sapphire Rapids class, IPI virtualisation. */
import { type CostModel, cycles, entries } from '../cost-model.ts'
import { X86 } from './x86.ts'

export const SAPPHIRE_RAPIDS: CostModel = {
  name: 'sapphire-rapids',
  title: 'Sapphire Rapids class, IPI virtualisation',
  ghz: 2.0,
  constants: {
    ...X86,
    icrExit: cycles(330, 'calibrated: VS-09, x2APIC; the fast path of Wanpeng Li 2020-04 is of this order'),
    icrExitXapic: cycles(990, 'calibrated: VS-09, xAPIC'),
    exit: cycles(1018, 'performance.md 1.4: CPUID exit, Sean Christopherson'),
    tlbEntries: entries(2048, 'performance.md 1.3: Ice Lake and later, R(0.85)'),
  },
}
