/** A worker thread: runs the files that it is sent. */
import { parentPort } from 'node:worker_threads'
import type { WorkerJob } from './pool.ts'
import { renderFiles } from './render.ts'

parentPort?.on('message', ({ files, options, form }: WorkerJob) => {
  parentPort?.postMessage(renderFiles(files, options, form))
})
