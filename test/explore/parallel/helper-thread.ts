/** A thread that helps with the checks of a test: one after the other, in the order of the test. */
import { parentPort, workerData } from 'node:worker_threads'
import { help } from '../../../src/explore/parallel/help.ts'
import { type Job, programOf } from './jobs.ts'

const { jobs, rank } = workerData as { readonly jobs: readonly Job[]; readonly rank: number }
parentPort?.postMessage('ready')
for (const job of jobs) {
  try {
    help(programOf(job), { shortest: false, ...job.options }, job.plan, rank)
  } catch {
    // The leader has the same error.
  }
}
