/** What a worker thread starts with: the cache of compiled code, then the worker itself. */
import module from 'node:module'

module.enableCompileCache?.()
await import('./worker.ts')
