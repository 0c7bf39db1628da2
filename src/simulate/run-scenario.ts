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
  /** Why it does not end: who waits for what, or goes round in what. */
  readonly stuck?: string
}

/** Longest that a scenario may take, in nanoseconds of simulated time and in operations: who spins goes through many. */
const LONGEST = 60e9
const MOST_OPERATIONS = 200_000
/** The first look at whether everybody is done, in nanoseconds; the next ones come after twice as long each. */
const FIRST_LOOK = 1e5

/**
 * Runs a program once.
 *
 * @param flushFunction - the kernel's function that flushes the own TLB, whose bookkeeping takes time
 */
export function timeProgram(
  program: Program,
  host: HostDescription,
  seed: number,
  flushFunction?: unknown,
): ScenarioTiming {
  const guest = new Guest(program, [], flushFunction)
  const costs = resolveCosts(costModel(host.costModel), host.costs, host.pti)
  const engine = new Engine({ host, costs, guests: [guest], seed })
  const { agenda, counts } = engine
  for (let until = FIRST_LOOK; until <= LONGEST; until *= 2) {
    engine.run(until)
    if (agenda.over || counts.operations > MOST_OPERATIONS) break
  }
  const { firstViolation } = guest.memory
  const stuck = engine.finished ? undefined : reasonOf(engine)
  return {
    nanoseconds: engine.finished ? agenda.lastEvent : Number.POSITIVE_INFINITY,
    operations: counts.operations,
    exits: counts.exits,
    interrupts: counts.interrupts,
    ...(firstViolation && { violation: `${firstViolation.property}: ${firstViolation.message}` }),
    ...(stuck !== undefined && { stuck }),
  }
}

function reasonOf({ agenda, vcpus }: Engine): string {
  const unfinished = vcpus.filter((vcpu) => !vcpu.agent && vcpu.top !== undefined)
  const all = unfinished.map((vcpu) => {
    const operation = vcpu.top?.operation
    return `${vcpu.name} ${agenda.over ? 'waits' : 'is still'} at "${operation?.label ?? 'its end'}"`
  })
  return all.join(', ')
}
