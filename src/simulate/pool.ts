/** Runs over seeds on all cores: each worker thread takes one specification at a time. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { ShootdownError } from '../core/errors.ts'
import type { RunResult, RunSpec } from './run.ts'

type Reply<R> =
  | { readonly type: 'progress'; readonly share: number }
  | { readonly type: 'done'; readonly result: R }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }

function workerUrl(): URL {
  return new URL(`./worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

export interface PoolOptions {
  /** Worker threads; by default one for each core. */
  readonly workers?: number
  /** Told how much of everything is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** Runs all specifications; results come in their order, whichever worker ran them. */
export async function runAll(specs: readonly RunSpec[], options: PoolOptions = {}): Promise<RunResult[]> {
  return await runAllOn<RunSpec, RunResult>(workerUrl(), specs, options)
}

/** As {@link runAll}, on worker threads of another kind that answer in the same way. */
export async function runAllOn<S, R>(url: URL, specs: readonly S[], options: PoolOptions = {}): Promise<R[]> {
  const count = Math.max(1, Math.min(specs.length, options.workers ?? availableParallelism()))
  const results = new Array<R>(specs.length)
  const shares = new Float64Array(specs.length)
  let next = 0
  const progress = () => options.onProgress?.(shares.reduce((sum, share) => sum + share, 0) / specs.length)
  await Promise.all(
    Array.from({ length: count }, async () => {
      const worker = new Worker(url, { name: 'shootdown bench' })
      try {
        for (let i = next++; i < specs.length; i = next++) {
          results[i] = await runOn<S, R>(worker, specs[i]!, (share) => {
            shares[i] = share
            progress()
          })
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
  return results
}

function runOn<S, R>(worker: Worker, spec: S, onProgress: (share: number) => void): Promise<R> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      worker.off('message', onMessage)
      worker.off('error', onError)
      settle()
    }
    const onError = (error: Error) => finish(() => reject(error))
    const onMessage = (reply: Reply<R>) => {
      if (reply.type === 'progress') onProgress(reply.share)
      else if (reply.type === 'done') finish(() => resolve(reply.result))
      else finish(() => reject(new ShootdownError(reply.code, reply.message)))
    }
    worker.on('message', onMessage)
    worker.on('error', onError)
    worker.postMessage(spec)
  })
}
