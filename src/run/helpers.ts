/** Threads that help a worker with one large search, where cores are idle. */
import { Worker } from 'node:worker_threads'
import { type Crew, newLeader } from '../explore/parallel/crew.ts'
import type { TeamPlan } from '../explore/parallel/team.ts'
import type { CheckJob } from './protocol.ts'

/** More take more memory than they save time. */
const MOST_HELPERS = 7

/** What a helping thread starts with. */
export interface HelperData {
  readonly job: CheckJob
  readonly plan: TeamPlan
  readonly rank: number
  /** Number of idle cores: the helper's own goes back to them when it ends. */
  readonly idle: Int32Array
}

function entryUrl(): URL {
  return new URL(`./helper-entry${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

/** Takes as many idle cores as there are; how many it got. */
function takeIdle(idle: Int32Array): number {
  for (;;) {
    const there = Atomics.load(idle, 0)
    const taken = Math.max(0, Math.min(there, MOST_HELPERS))
    if (Atomics.compareExchange(idle, 0, there, there - taken) === there) return taken
  }
}

/** The crew of a job: helpers start on cores that are idle when its search turns out to be large. */
export function crewOf(job: CheckJob, idle: Int32Array): Crew {
  return newLeader({
    recruit: () => takeIdle(idle),
    start: (plan, rank) => {
      const data: HelperData = { job, plan, rank, idle }
      new Worker(entryUrl(), { workerData: data, name: 'shootdown-helper' }).on('error', () => {
        // It has told the team, or will be missed there.
      })
    },
  })
}
