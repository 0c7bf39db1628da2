/** The built-in workload parameters. `npm run fit` derives them anew from recordings; docs/trace.md says how. */
import { UsageError } from '../../core/errors.ts'
import compileFaults from './fitted/compile-faults.json' with { type: 'json' }
import forkCow from './fitted/fork-cow.json' with { type: 'json' }
import gupStorm from './fitted/gup-storm.json' with { type: 'json' }
import kernbench from './fitted/kernbench.json' with { type: 'json' }
import mixed from './fitted/mixed.json' with { type: 'json' }
import mixed8 from './fitted/mixed-8.json' with { type: 'json' }
import munmapStorm from './fitted/munmap-storm.json' with { type: 'json' }
import shell from './fitted/shell.json' with { type: 'json' }
import { checkParameters, type WorkloadParameters } from './parameters.ts'

const FITTED: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['kernbench', kernbench],
  ['compile-faults', compileFaults],
  ['munmap-storm', munmapStorm],
  ['gup-storm', gupStorm],
  ['fork-cow', forkCow],
  ['shell', shell],
  ['mixed', mixed],
  ['mixed-8', mixed8],
])

/** Names of the built-in parameters. */
export const FITTED_NAMES: readonly string[] = [...FITTED.keys()]

/**
 * Built-in parameters by name.
 *
 * @throws UsageError when there are none of that name
 */
export function fittedWorkload(name: string): WorkloadParameters {
  const data = FITTED.get(name)
  if (data === undefined) {
    throw new UsageError(`no built-in workload parameters "${name}"; there are: ${FITTED_NAMES.join(', ')}`)
  }
  return checkParameters(data, name)
}
