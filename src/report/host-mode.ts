/** Which steps are the hypervisor's: those that say so, and everything between a VM exit and the VM entry. */
import type { TrailStep } from '../explore/verdict.ts'

export function hostSteps(steps: readonly TrailStep[]): readonly boolean[] {
  const inHost = new Set<number>()
  return steps.map((step) => {
    if (step.kind === 'drain') return step.host
    const before = inHost.has(step.process)
    if (step.kind === 'vmexit' || (step.kind === 'deliver' && step.host)) inHost.add(step.process)
    if (step.kind === 'vmentry') inHost.delete(step.process)
    return step.host || before
  })
}
