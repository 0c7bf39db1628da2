/** Who searches, as a search sees it: when it becomes large enough, a team of threads goes on with it. */
import { DEFAULT_SIZES, Dismissed, newTeamPlan, Team, type TeamPlan, type TeamSizes } from './team.ts'

export interface Crew {
  /**
   * Asked again and again with the number of states so far: the team that is to go on, if it is time. May wait for others, and
   * calls `idle` meanwhile, which gives a reason to stop, if there is one.
   */
  teamFor(states: number, idle: () => string | undefined): Team | undefined
  /** The search is over: the leader goes on, the others are not needed any more. */
  disband(): void
  /** The search has ended with an error. */
  fail(): void
}

/** What the leader of a crew can get from whoever runs it. */
export interface Helpers {
  /** How many threads could help now; they are its own until it has started them. */
  recruit(): number
  /** Starts a thread that builds the same program and calls {@link newHelper} for its check. Does not wait for it. */
  start(plan: TeamPlan, rank: number): void
}

/** Helpers start when a search has so large a part of the states from which on it is shared: they have to make the way themselves. */
const START_EARLIER = 3

/** The crew of the thread whose check it is. */
export function newLeader(
  helpers: Helpers,
  sizes: TeamSizes = DEFAULT_SIZES,
  newPlan: (size: number, sizes: TeamSizes) => TeamPlan = newTeamPlan,
): Crew {
  let team: Team | undefined
  let asked = false
  return {
    teamFor(states, idle) {
      if (!asked) {
        if (states * START_EARLIER < sizes.joinAt) return undefined
        asked = true
        const size = 1 + helpers.recruit()
        if (size === 1) return undefined
        team = new Team(newPlan(size, sizes), 0)
        for (let rank = 1; rank < size; rank++) helpers.start(team.plan, rank)
      }
      if (team === undefined || states < team.joinAt) return undefined
      if (!team.isGathered && !team.gather(idle)) team = undefined
      return team
    },
    disband() {
      team?.dismiss()
    },
    fail() {
      team?.dismiss()
    },
  }
}

/** The crew of a thread that helps. */
export function newHelper(team: Team): Crew {
  return {
    teamFor(states, idle) {
      if (states < team.joinAt) return undefined
      if (!team.isGathered && !team.gather(idle)) throw new Dismissed()
      return team
    },
    disband() {
      throw new Dismissed()
    },
    fail() {
      // Its leader has the same error, or does not: whoever started the thread says so (help.ts).
    },
  }
}
