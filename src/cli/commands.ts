import { registerBench, registerValidate } from './bench.ts'
import { registerCheck } from './check.ts'
import { registerHypercall } from './hypercall.ts'
import { registerList } from './list.ts'
import { registerLitmus } from './litmus.ts'
import { registerNeeds } from './needs.ts'
import { registerNew } from './new.ts'
import type { RegisterCommand } from './register.ts'
import { registerTrace } from './trace.ts'
import { registerTraces } from './traces.ts'
import { registerVerify } from './verify.ts'

/** Every command of the command line, in the order in which the help lists them. */
export const COMMANDS: readonly RegisterCommand[] = [
  registerCheck,
  registerNeeds,
  registerVerify,
  registerList,
  registerNew,
  registerLitmus,
  registerTraces,
  registerHypercall,
  registerTrace,
  registerBench,
  registerValidate,
]
