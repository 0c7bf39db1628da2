/** Functions that are called on other CPUs. */
import type { Task } from '../core/operation.ts'
import { type Handle, newHandleId, type Plain } from '../core/plain.ts'
import type { Cpu } from '../machine/machine.ts'

/** A function that can be called on another CPU; made once per machine. */
export interface SmpFunction extends Handle {
  readonly run: (cpu: Cpu, info: Plain) => Task<void>
}

/** Names a function for {@link smpCallFunctionMany}. */
export function smpFunction(run: (cpu: Cpu, info: Plain) => Task<void>): SmpFunction {
  return { handleId: newHandleId(), run }
}
