/** Whether a shape's outcome can be reached. */
import { InternalError } from '../../core/errors.ts'
import { collect } from '../../explore/collect.ts'
import { PageTableTest, type Shootdown } from './program.ts'
import type { PageTableShape } from './shapes.ts'
import { type Outcome, parseSteps } from './steps.ts'

export interface PageTableResult {
  readonly reachable: boolean
  /** Different outcomes in all. */
  readonly outcomes: number
  readonly states: number
}

export function runPageTables(
  shape: PageTableShape,
  shootdown: Shootdown,
  memoryModel: 'tso' | 'sc' = 'tso',
): PageTableResult {
  const test = new PageTableTest(parseSteps(shape.threads), memoryModel, shootdown)
  const { terminals, violations, search } = collect(test.program)
  if (search.outcome !== 'complete' || violations.size > 0) {
    throw new InternalError(`${shape.name}: ${search.outcome}, ${[...violations].join('; ')}`)
  }
  const outcomes = new Map<string, Outcome>()
  for (const terminal of terminals) {
    const cells = terminal.slice(0, terminal.indexOf(' |')).split(' ').map(Number)
    const outcome = test.ends.map((cell) => test.accesses(cells[cell] as number))
    outcomes.set(JSON.stringify(outcome), outcome)
  }
  const reachable = [...outcomes.values()].some((outcome) => isWanted(shape.outcome, outcome))
  return { reachable, outcomes: outcomes.size, states: search.states }
}

/** `0.1@N 1.0=2`: thread 0's second access is to frame N; thread 1's first one has the value 2. */
function isWanted(wanted: string, outcome: Outcome): boolean {
  return wanted
    .split(' ')
    .filter((part) => part !== '')
    .every((part) => {
      const groups = /^(?<thread>\d)\.(?<index>\d)(?:@(?<frame>[UVWN]))?(?:=(?<value>\d))?$/.exec(
        part,
      )?.groups
      if (groups === undefined) throw new InternalError(`what is the outcome ${part}?`)
      const access = outcome[Number(groups.thread)]?.[Number(groups.index)]
      if (access === undefined) throw new InternalError(`there is no access ${part}`)
      return (
        (groups.frame === undefined || access.frame === groups.frame) &&
        (groups.value === undefined || access.value === Number(groups.value))
      )
    })
}
