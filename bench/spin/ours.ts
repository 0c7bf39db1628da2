/**
 * One check in a process of its own, for `bench/spin.ts`: prints a line of JSON. V8's flags and the cache of
 * compiled code are the command's.
 *
 *     node bench/spin/ours.ts race ipi now sc 4 [full] [no-symmetry] [broadcast]
 */
import module from 'node:module'

await import('../../src/run/v8-flags.ts')
module.enableCompileCache?.()
await import('./one-check.ts')
