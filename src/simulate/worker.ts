/** A worker thread of `shootdown bench`: runs what it is sent. */
import module from 'node:module'
import { parentPort } from 'node:worker_threads'

module.enableCompileCache?.()
const { simulate } = await import('./run.ts')
const { ShootdownError } = await import('../core/errors.ts')

parentPort?.on('message', (spec: Parameters<typeof simulate>[0]) => {
  try {
    const result = simulate(spec, (share) => parentPort?.postMessage({ type: 'progress', share }))
    parentPort?.postMessage({ type: 'done', result })
  } catch (error) {
    if (!(error instanceof ShootdownError)) throw error
    parentPort?.postMessage({ type: 'failed', code: error.code, message: error.message })
  }
})
