/** A search that goes on among the members of a team: the loop over the slices of the queue. Every member runs it. */
import type { Violation } from '../../core/violation.ts'
import { pathOf, unpackAction } from '../actions.ts'
import type { Engine } from '../engine.ts'
import { withinLimits } from '../limits.ts'
import type { SearchOptions, SearchResult } from '../search-options.ts'
import type { StateStore } from '../store.ts'
import type { Action } from '../verdict.ts'
import { NO_VIOLATION } from './board.ts'
import { Member } from './member.ts'
import type { Team } from './team.ts'
import { newSharedBuffer, SharedWords } from './words.ts'

/** What one thread has found before it met the others. */
export interface Begun {
  readonly store: StateStore
  /** States that have been expanded. */
  readonly head: number
  readonly transitions: number
}

/** For the successors of states that were put off in one slice. */
const LATE_BYTES = 2 ** 28

export function searchTogether(
  engine: Engine,
  options: SearchOptions,
  team: Team,
  { store, head: begunHead, transitions: begunTransitions }: Begun,
): SearchResult {
  const { board, rank, plan } = team
  const { clock } = options
  const { cycles } = engine.automata
  const member = new Member(engine, options, board, rank, new SharedWords(newSharedBuffer(LATE_BYTES)))
  member.total = store.size
  let head = begunHead
  let transitions = begunTransitions
  const poll = () => clock.poll(member.total, member.total - head, board.bytes)
  const meet = () => team.meet(team.leads ? poll : undefined)
  const result = (outcome: SearchResult['outcome'], more: Partial<SearchResult> = {}): SearchResult => ({
    states: member.total,
    transitions,
    bytes: board.bytes,
    store: undefined,
    enlarged: 0,
    outcome,
    reason: '',
    actions: [],
    violation: undefined,
    ...more,
  })

  const goOn = (): SearchResult => {
    // Nobody writes on the board before all have read what they found there last time.
    meet()
    member.takeOver(store, head)
    meet()
    while (head < member.total) {
      const end = Math.min(member.total, head + plan.slice)
      let reason: string | undefined
      if (team.leads) {
        reason = poll()
        board.showStop(reason !== undefined)
      }
      member.expandOwn(end)
      meet()
      if (board.stop) return result('limit', { reason: reason ?? 'stopped' })
      member.settle()
      // Whoever still settles may ask for states that others store.
      if (options.proviso && board.anyPutOff) meet()
      member.merge()
      meet()
      member.number()
      // Others ask for numbers in the next slice.
      if (options.proviso) meet()
      transitions += board.transitions
      if (member.violation !== NO_VIOLATION) {
        // The transition itself; nobody moves where somebody is stuck.
        if (member.violation.action !== -1) transitions++
        const actions = trailTo(member, team, meet)
        return result('violation', { actions, violation: violationOf(member, team, meet) })
      }
      head = end
      if (member.total > options.maxStates)
        return result('limit', { reason: `more than ${options.maxStates} states` })
      if (options.hopeless?.(member.total) === true) return result('hopeless')
    }
    // Whether cycles are possible is judged by all deliveries.
    cycles.show(board.deliveries[rank]!)
    meet()
    for (const list of board.deliveries) cycles.join(list)
    return result('complete')
  }
  return withinLimits(goOn, (reason) => result('limit', { reason }))
}

/** Asks state after state where it comes from. */
function trailTo(member: Member, team: Team, meet: () => void): Action[] {
  const { board, rank } = team
  const { state, action } = member.violation
  let question = 0
  const actions = pathOf(state, (number) => {
    board.showOrigin(rank, question, member.originOf(number))
    meet()
    return board.originShown(question++)!
  })
  if (action !== -1) actions.push(unpackAction(action >>> 0))
  return actions
}

function violationOf(member: Member, team: Team, meet: () => void): Violation | undefined {
  // The others may still be reading what was put off.
  meet()
  member.showState(member.violation.state)
  meet()
  const violation = member.violationShown(member.violation)
  meet()
  return team.leads ? violation : undefined
}
