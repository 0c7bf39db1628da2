/** Westmere, 80 ways, Xen shim. */
import { type CostModel, cycles, entries, ns } from '../cost-model.ts'
import { X86 } from './x86.ts'

export const WESTMERE: CostModel = {
  name: 'westmere',
  title: 'Westmere, 80 ways, Xen shim',
  ghz: 2.4,
  constants: {
    ...X86,
    invlpg: cycles(232, 'performance.md 1.1: Westmere Xeon, Dave Hansen 2015-06-09'),
    cr3: cycles(108, 'performance.md 1.1: Westmere Xeon'),
    cr4: cycles(828, 'performance.md 1.1: Westmere Xeon'),
    tlbEntries: entries(512, 'performance.md 1.3: up to Ivy Bridge, R(0.85)'),
    wake: ns(
      23_000,
      'assumption: out of C3, 20 us in the idle driver of that age, and 3 us as on later machines',
    ),
    exit: cycles(2000, 'performance.md 1.4: X5570, SplitX'),
  },
}
