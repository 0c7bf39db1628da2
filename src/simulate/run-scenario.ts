/** A scenario file under the clock: the same program that `check` explores, run from its begin to its end. */
import type { Program } from '../core/program.ts'
import { resolveCosts } from './cost-model.ts'
import { costModel } from './costs/registry.ts'
import { Engine } from './engine.ts'
import { Guest } from './guest.ts'
import type { HostDescription } from './host.ts'

export interface ScenarioTiming {
  /** Nanoseconds until everybody was done; infinite when somebody never was. */
  readonly nanoseconds: number
  readonly operations: number
  readonly exits: number
  readonly interrupts: number
  readonly violation?: string
}

/** Longest that a scenario may take, in nanoseconds of simulated time. */
const LONGEST = 60e9

/** Runs a program once. */
export function timeProgram(program: Program, host: HostDescription, seed: number): ScenarioTiming {
  const guest = new Guest(program)
  const costs = resolveCosts(costModel(host.costModel), host.costs, host.pti)
  const engine = new Engine({ host, costs, guests: [guest], seed })
  engine.run(LONGEST)
  const { firstViolation } = guest.memory
  return {
    nanoseconds: engine.finished ? engine.agenda.lastEvent : Number.POSITIVE_INFINITY,
    operations: engine.counts.operations,
    exits: engine.counts.exits,
    interrupts: engine.counts.interrupts,
    ...(firstViolation && { violation: `${firstViolation.property}: ${firstViolation.message}` }),
  }
}
