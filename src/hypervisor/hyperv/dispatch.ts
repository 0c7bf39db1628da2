/**
 * One execution of the hypercall instruction, decided: pure functions from a call and the facts of its partition to a
 * plan. Host code of the explorer and of the simulator calls {@link planHypercall} and carries the plan out.
 */
import { planKvm } from './kvm.ts'
import { scopeOfCall } from './meaning.ts'
import { planOpenvmm } from './openvmm.ts'
import type { HypercallCall, PartitionFacts, ProfileName } from './partition.ts'
import type { HypercallPlan } from './plan.ts'
import { coversScope } from './spans.ts'
import { planTlfs } from './tlfs.ts'
import { planXen } from './xen.ts'

const PROFILES: Readonly<
  Record<ProfileName, (call: HypercallCall, partition: PartitionFacts) => HypercallPlan>
> = {
  tlfs: planTlfs,
  kvm: planKvm,
  openvmm: planOpenvmm,
  xen: planXen,
}

/**
 * Decides a call as `profile` does. With `partition.semantics` at `exact` a flush is narrowed to what the call asks
 * for, where the profile flushes at least that: over-flushing conforms and hides bugs of guests.
 */
export function planHypercall(
  profile: ProfileName,
  call: HypercallCall,
  partition: PartitionFacts,
): HypercallPlan {
  const plan = PROFILES[profile](call, partition)
  if (partition.semantics === 'profile' || !('flush' in plan) || plan.flush === null) return plan
  const asked = scopeOfCall(call, partition)
  if (asked === null || !coversScope(plan.flush, asked)) return plan
  return { ...plan, flush: asked }
}
