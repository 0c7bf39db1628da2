/** Skylake-SP, 2017-2019, KVM hosts of the PV flush and PV IPI patches. */
import type { CostModel } from '../cost-model.ts'
import { X86 } from './x86.ts'

export const SKYLAKE: CostModel = {
  name: 'skylake',
  title: 'Skylake-SP, 2017-2019, KVM hosts of the PV flush and PV IPI patches',
  ghz: 2.5,
  constants: X86,
}
