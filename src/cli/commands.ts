import type { Command } from 'commander'
import { registerCheck } from './check.ts'
import { registerHypercall } from './hypercall.ts'
import { registerList } from './list.ts'
import { registerLitmus } from './litmus.ts'
import { registerNew } from './new.ts'
import { registerTrace } from './trace.ts'

/** Adds one command (with its options, help and action) to the program. */
export type RegisterCommand = (program: Command) => void

/** Every command of the command line, in the order in which the help lists them. */
export const COMMANDS: readonly RegisterCommand[] = [
  registerCheck,
  registerList,
  registerNew,
  registerLitmus,
  registerHypercall,
  registerTrace,
]
