/** Every scenario and every value of an option, by name. A new backend, policy or scenario is one line here. */
import type { ProfileName } from '../hypervisor/hyperv/partition.ts'
import { MODERN_ONLY } from './any-guest.ts'
import * as threadArguments from './arguments.ts'
import * as freeing from './freeing.ts'
import { FREE_POLICIES, FLUSH_BACKENDS as THREAD_BACKENDS } from './guest.ts'
import * as hypervHistory from './hyperv-history.ts'
import * as liveness from './liveness.ts'
import * as mutantTraps from './mutant-traps.ts'
import type { Scenario } from './scenario.ts'
import * as switching from './switching.ts'
import { threadTable, WALKERS } from './thread-table.ts'
import * as traceRaces from './trace-races.ts'

export { FREE_POLICIES, THREAD_BACKENDS, WALKERS }

/** Flush backends: those of the thread's table, and those of today's kernels. */
export const FLUSH_BACKENDS: readonly string[] = [...THREAD_BACKENDS, ...MODERN_ONLY]

/** Implementations of Hyper-V's interface. */
export const PROFILES: readonly ProfileName[] = ['tlfs', 'kvm', 'openvmm', 'xen']

/** The thread's table first; it is what runs without arguments. */
export const SCENARIOS: readonly Scenario[] = [
  threadTable,
  ...Object.values(threadArguments),
  ...Object.values(freeing),
  ...Object.values(mutantTraps),
  ...Object.values(liveness),
  ...Object.values(hypervHistory),
  ...Object.values(switching),
  ...Object.values(traceRaces),
]
