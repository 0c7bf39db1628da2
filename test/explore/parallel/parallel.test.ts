/** Several threads search what one thread searches: the same verdict, the same numbers, the same trail. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { check } from '../../../src/explore/check.ts'
import { newLeader } from '../../../src/explore/parallel/crew.ts'
import { newTeamPlan, Team, type TeamPlan } from '../../../src/explore/parallel/team.ts'
import type { Verdict } from '../../../src/explore/verdict.ts'
import { type Flavour, threads } from '../random-programs.ts'
import { type Job, programOf, type Subject } from './jobs.ts'

const SEED = 20_170_626

/** What must not depend on the number of threads. */
function essence(verdict: Verdict) {
  const { states, transitions, rounds, nodes } = verdict.counts
  const trail = verdict.verdict === 'unsafe' ? verdict.trail.steps.map(({ label }) => label) : []
  const property = verdict.verdict === 'unsafe' ? verdict.trail.violation : undefined
  return { verdict: verdict.verdict, states, transitions, rounds, nodes, trail, property }
}

function alone({ options, ...subject }: Subject): Verdict {
  return check(programOf(subject), { shortest: false, ...options })
}

/** Searches all subjects with `size` threads, which share a search from `joinAt` states on. */
async function together(subjects: readonly Subject[], size: number, joinAt: number, slice: number) {
  const jobs: Job[] = subjects.map((subject) => ({
    ...subject,
    plan: newTeamPlan(size, { joinAt, slice, bytes: 2 ** 24 }),
  }))
  const helpers = Array.from({ length: size - 1 }, (_, i) => {
    const url = new URL('./helper-thread.ts', import.meta.url)
    return new Worker(url, { workerData: { jobs, rank: i + 1 } })
  })
  // This thread blocks from here on: whatever the others need of it has to be there.
  await Promise.all(helpers.map((helper) => once(helper, 'message')))
  let shared = 0
  const verdicts = jobs.map(({ plan, options, ...subject }) => {
    const crew = newLeader({ recruit: () => size - 1, start: () => {} }, { joinAt, slice }, () => plan)
    const counted = {
      ...crew,
      teamFor: (states: number, idle: () => string | undefined) => {
        const team = crew.teamFor(states, idle)
        if (team !== undefined) shared++
        return team
      },
    }
    return check(programOf(subject), { shortest: false, ...options, crew: counted })
  })
  await Promise.all(helpers.map((helper) => helper.terminate()))
  return { verdicts, shared }
}

async function agrees(subjects: readonly Subject[], joinAt: number, slice: number): Promise<void> {
  const wanted = subjects.map((subject) => essence(alone(subject)))
  for (const size of [2, 3]) {
    const { verdicts, shared } = await together(subjects, size, joinAt, slice)
    for (const [i, verdict] of verdicts.entries()) {
      const one = wanted[i]!
      const many = essence(verdict)
      // A search that was thrown away because a mask grew may have seen more, or less, of what it need not have.
      // A limit is looked at after each slice of the queue.
      const exact = one.verdict !== 'inconclusive' && one.rounds === 1 && many.rounds === 1
      const expected = exact ? one : { ...many, verdict: one.verdict }
      expect(many, JSON.stringify(subjects[i])).toEqual(expected)
    }
    expect(shared).toBeGreaterThan(subjects.length / 4)
  }
}

function sample(flavour: Flavour, count: number): Subject[] {
  return fc.sample(threads(flavour), { seed: SEED, numRuns: count }).map((some) => ({ threads: some }))
}

describe('two and three threads find what one finds', () => {
  it('in random programs of loads, stores, locks, awaits and calls', () =>
    agrees(sample({ processes: 3, length: 3, handlers: false, calls: true }, 120), 3, 5))
  it('in random programs with values that do not fit their cells at first', () =>
    agrees(sample({ processes: 2, length: 4, handlers: false, wide: true }, 80), 2, 3))
  it('in random programs with interrupts', () =>
    agrees(sample({ processes: 3, length: 2, handlers: true, calls: true }, 120), 3, 4))
  it('in random programs whose graphs have cycles', () =>
    agrees(
      sample({ processes: 2, length: 3, handlers: true, cycles: true }, 80).map((subject) => ({
        ...subject,
        options: { maxStates: 2000 },
      })),
      2,
      3,
    ))
  it('in cells of the thread table', () =>
    agrees(
      [
        { cell: { flush: 'native', free: 'immediate', cpus: 3 } },
        { cell: { flush: 'hyperv', free: 'rcu', cpus: 2 } },
        { cell: { flush: 'kvm', free: 'rcu', cpus: 2 } },
        { cell: { flush: 'hyperv', free: 'immediate', cpus: 2 } },
        { cell: { flush: 'serialize', free: 'rcu', cpus: 2 } },
        { cell: { flush: 'native', free: 'rcu', cpus: 3 }, options: { maxStates: 3000 } },
      ],
      200,
      64,
    ))
})

describe('a team that does not come together', () => {
  const subject: Subject = { cell: { flush: 'native', free: 'immediate', cpus: 3 } }
  const crewWith = (start: (plan: TeamPlan) => void) =>
    newLeader({ recruit: () => 1, start }, { joinAt: 100, slice: 64, bytes: 2 ** 24 })

  it('stops at the time limit with what is known', () => {
    const crew = crewWith(() => {})
    const verdict = check(programOf(subject), { timeoutMs: 1500, crew })
    expect(verdict).toMatchObject({ verdict: 'inconclusive', reason: 'no end within 1500 ms' })
    expect(verdict.counts.states).toBeGreaterThanOrEqual(100)
  })

  it('leaves the search to its leader when a thread cannot start', () => {
    const crew = crewWith((plan) => new Team(plan, 1).fail())
    expect(essence(check(programOf(subject), { crew }))).toEqual(essence(alone(subject)))
  })
})
