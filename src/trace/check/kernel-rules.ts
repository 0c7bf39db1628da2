/** Which rules a recorded kernel follows, by the version that its sidecar names. */
import type { HypervKernel } from '../../kernel/flush/hyperv-rules.ts'
import type { TargetRule } from '../../kernel/flush-rules.ts'

/** 6012 for `Linux version 6.12.3 ...`; that of the newest known rules where there is none. */
function versionOf(kernel: string): number | undefined {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(kernel) ?? []
  return major === undefined ? undefined : Number(major) * 1000 + Number(minor)
}

/**
 * The rules of a Hyper-V guest: lazy CPUs are left out since 493cc07385cf (6.4); those of 6.12 where no version is known.
 */
export function hypervKernelOf(kernel: string): HypervKernel {
  const version = versionOf(kernel) ?? 6012
  if (version >= 6004) return '6.12'
  if (version >= 5016) return '6.1'
  return version >= 5013 ? '2021' : '2020'
}

/** Whether the own TLB is flushed before others are asked (until 5.12), or meanwhile (4ce94eabac16). */
export function ownTlbOrder(kernel: string | undefined): 'own first' | 'others first' {
  return (versionOf(kernel ?? '') ?? 5013) < 5013 ? 'own first' : 'others first'
}

/**
 * Whom a native flush interrupts: since 209954cbc7d0 and 6db2526c1d69 (6.14) masks keep CPUs that have left, and the flush looks
 * at what a CPU has loaded; before that, and where no version is known, at lazy mode alone.
 */
export function targetRuleOf(kernel: string | undefined): TargetRule {
  return (versionOf(kernel ?? '') ?? 0) >= 6014 ? 'loaded-or-switching' : 'not-lazy'
}
