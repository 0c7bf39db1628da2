/** A thread that helps with one search: it builds the same program as its leader, and searches along with it. */
import { workerData } from 'node:worker_threads'
import { help } from '../explore/parallel/help.ts'
import { Team } from '../explore/parallel/team.ts'
import { buildScenario, findScenario } from './find.ts'
import type { HelperData } from './helpers.ts'
import { searchLimits } from './search-limits.ts'

const { job, plan, rank, idle } = workerData as HelperData
try {
  const program = await buildScenario(await findScenario(job.scenario), job)
  help(program, searchLimits(job.limits), plan, rank)
} catch (error) {
  new Team(plan, rank).fail()
  throw error
} finally {
  Atomics.add(idle, 0, 1)
}
