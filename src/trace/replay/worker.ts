/** A worker thread of `shootdown trace replay`: runs what it is sent. */
import module from 'node:module'
import { parentPort } from 'node:worker_threads'
import type { ReplaySpec } from './run.ts'

module.enableCompileCache?.()
const { runReplay } = await import('./run.ts')
const { ShootdownError } = await import('../../core/errors.ts')

parentPort?.on('message', (spec: ReplaySpec) => {
  try {
    const result = runReplay(spec, (share) => parentPort?.postMessage({ type: 'progress', share }))
    parentPort?.postMessage({ type: 'done', result })
  } catch (error) {
    if (!(error instanceof ShootdownError)) throw error
    parentPort?.postMessage({ type: 'failed', code: error.code, message: error.message })
  }
})
