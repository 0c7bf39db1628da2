/** What a job says about its search, as the explorer wants it. */
import type { CheckOptions } from '../explore/verdict.ts'
import type { JobLimits } from './protocol.ts'

export function searchLimits({ without, why: _, certificate: __, ...limits }: JobLimits): CheckOptions {
  return { ...limits, ...(without === undefined ? {} : { without: new Set(without) }) }
}
