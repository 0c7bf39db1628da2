/** Workloads by name. A new one is one file and one line here. */
import { UsageError } from '../../core/errors.ts'
import { compile } from './compile.ts'
import { ebizzy } from './ebizzy.ts'
import { flush } from './flush.ts'
import { gupStorm } from './gup-storm.ts'
import { ipi } from './ipi.ts'
import { munmapStorm } from './munmap-storm.ts'
import { reclaim } from './reclaim.ts'
import { tlbFlush } from './tlb-flush.ts'
import { wakeups } from './wakeups.ts'
import type { Workload } from './workload.ts'

export const WORKLOADS: readonly Workload[] = [
  munmapStorm,
  gupStorm,
  ebizzy,
  tlbFlush,
  compile,
  ipi,
  flush,
  reclaim,
  wakeups,
]

/** @throws UsageError when there is none of that name */
export function workload(name: string): Workload {
  const found = WORKLOADS.find((candidate) => candidate.name === name)
  if (found !== undefined) return found
  throw new UsageError(
    `no workload is called ${name}; there are: kernbench, ${WORKLOADS.map((w) => w.name).join(', ')}`,
  )
}
