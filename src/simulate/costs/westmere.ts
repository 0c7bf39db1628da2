/** Westmere, 80 ways, Xen shim. */
import { type CostModel, cycles, entries, ns } from '../cost-model.ts'
import { X86 } from './x86.ts'

const IDLE = 'Linux 2.6.35, drivers/idle/intel_idle.c, idle states of Nehalem and Westmere:'

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
    c1eExit: ns(7000, `${IDLE} C1E, 10 us, less the 3 us of C1`),
    c3Exit: ns(17_000, `${IDLE} C3, 20 us, less the 3 us of C1`),
    c3Residency: ns(80_000, `${IDLE} C3`),
    c6Exit: ns(197_000, `${IDLE} C6, 200 us, less the 3 us of C1`),
    c6Residency: ns(800_000, `${IDLE} C6`),
    exit: cycles(2000, 'performance.md 1.4: X5570, SplitX'),
  },
}
