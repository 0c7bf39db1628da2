/** What a helping thread starts with: the cache of compiled code, then the helper itself. */
import module from 'node:module'

module.enableCompileCache?.()
await import('./helper.ts')
