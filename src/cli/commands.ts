import type { Command } from 'commander'
import { registerBench, registerValidate } from './bench.ts'
import { registerCheck } from './check.ts'
import { registerHypercall } from './hypercall.ts'
import { registerList } from './list.ts'
import { registerLitmus } from './litmus.ts'
import { registerNeeds } from './needs.ts'
import { registerNew } from './new.ts'
import { registerTrace } from './trace.ts'
import { registerVerify } from './verify.ts'

/** Adds one command (with its options, help and action) to the program. */
export type RegisterCommand = (program: Command) => void

/** Every command of the command line, in the order in which the help lists them. */
export const COMMANDS: readonly RegisterCommand[] = [
  registerCheck,
  registerNeeds,
  registerVerify,
  registerList,
  registerNew,
  registerLitmus,
  registerHypercall,
  registerTrace,
  registerBench,
  registerValidate,
]
