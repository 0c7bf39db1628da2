/**
 * One check in a process of its own, for `bench/spin.ts`: prints a line of JSON. Compiled code is kept between
 * runs, as the command keeps it.
 *
 *     node bench/spin/ours.ts race ipi now sc 4 [full] [no-symmetry] [broadcast]
 */
import module from 'node:module'

module.enableCompileCache?.()
await import('./one-check.ts')
