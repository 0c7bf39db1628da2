/** Cost models by name. A new model is one file and one line here. */
import { UsageError } from '../../core/errors.ts'
import type { CostModel } from '../cost-model.ts'
import { HASWELL } from './haswell.ts'
import { MILAN } from './milan.ts'
import { SAPPHIRE_RAPIDS } from './sapphire-rapids.ts'
import { SKYLAKE } from './skylake.ts'
import { WESTMERE } from './westmere.ts'

export const COST_MODELS: readonly CostModel[] = [SKYLAKE, HASWELL, MILAN, WESTMERE, SAPPHIRE_RAPIDS]

/** @throws UsageError when there is no model of that name */
export function costModel(name: string): CostModel {
  const found = COST_MODELS.find((model) => model.name === name)
  if (found !== undefined) return found
  const names = COST_MODELS.map((model) => model.name).join(', ')
  throw new UsageError(`no cost model is called ${name}; there are: ${names}`)
}
