import { describe, expect, it } from 'vitest'
import type { Program } from '../../src/core/program.ts'
import { check } from '../../src/explore/check.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { threadTable } from '../../src/scenarios/thread-table.ts'
import {
  type Certificate,
  decodeCertificate,
  encodeCertificate,
  type SearchRecord,
} from '../../src/verify/certificate.ts'
import { Refused } from '../../src/verify/refused.ts'
import { verify } from '../../src/verify/verify.ts'
import { writeCertificate } from '../../src/verify/write.ts'

function certify(build: () => Program): Certificate {
  let record: SearchRecord | undefined
  check(build(), {
    onSafe: (make) => {
      record = make()
    },
  })
  expect(record).toBeDefined()
  return decodeCertificate(
    writeCertificate({ scenario: 'thread', options: DEFAULT_OPTIONS }, build(), record!),
  )
}

const programs: readonly (readonly [string, () => Program])[] = (
  [
    ['native', 'immediate', 'tso'],
    ['hyperv', 'rcu', 'sc'],
  ] as const
).map(([flush, free, memoryModel]) => [
  `${flush}, ${free}, ${memoryModel}`,
  () => threadTable.build({ ...DEFAULT_OPTIONS, flush, free, memoryModel }),
])

/** A small generator of pseudo-random numbers: the seed is the title's. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe.each(programs)('a certificate of thread, %s', (_, build) => {
  const good = certify(build)
  const { parents, actions, movers, alone } = good
  const refuses = (change: Partial<Certificate>) =>
    expect(() => verify(build(), { ...good, ...change })).toThrow(Refused)
  const without = <T>(list: readonly T[], at: number, width = 1) => [
    ...list.slice(0, at * width),
    ...list.slice((at + 1) * width),
  ]

  it('is confirmed, also after a round trip through a file', () => {
    const again = decodeCertificate(encodeCertificate(good))
    expect(again).toEqual(good)
    expect(verify(build(), again).states).toBe(parents.length)
  })

  it('is refused for another program', () => {
    const other = threadTable.build({ ...DEFAULT_OPTIONS, flush: 'hyperv', free: 'immediate' })
    expect(() => verify(other, good)).toThrow(/has changed/)
  })

  it('is refused without any one of its states (seed 1)', () => {
    const pick = random(1)
    for (let i = 0; i < 40; i++) {
      const gone = 1 + pick(parents.length - 1)
      refuses({
        parents: without(parents, gone).map((from) => (from > gone ? from - 1 : from)),
        actions: without(actions, gone, 3),
        movers: without(movers, gone),
        alone: without(alone, gone),
      })
    }
  })

  it('is refused when its last states are cut off', () => {
    const length = parents.length - 1
    refuses({
      parents: parents.slice(0, length),
      actions: actions.slice(0, 3 * length),
      movers: movers.slice(0, length),
      alone: alone.slice(0, length),
    })
  })

  it('is refused with another transition into a state (seed 2)', () => {
    const pick = random(2)
    for (let i = 0; i < 40; i++) {
      const at = 3 * (1 + pick(parents.length - 1)) + pick(2)
      refuses({ actions: actions.with(at, actions[at]! + 1) })
    }
  })

  it('is refused with any mask enlarged or made smaller (seed 3)', () => {
    const pick = random(3)
    for (let i = 0; i < 20; i++) {
      const node = pick(good.automata.length)
      const line = good.automata[node]!
      refuses({
        automata: good.automata.with(
          node,
          line.replace(/\w+$/, (mask) => `1${mask}`),
        ),
      })
      refuses({ automata: good.automata.with(node, line.replace(/\| \w+/, '| f')) })
      refuses({ automata: without(good.automata, node) })
    }
  })

  it('is refused with an empty set chosen where something is enabled', () => {
    const last = parents.length - 1
    const ends = verify(build(), good)
    expect(ends.states).toBe(last + 1)
    let refused = 0
    for (let i = 0; i < 30; i++) {
      if (movers[i] === 0 && alone[i] === -1) continue
      refuses({ movers: movers.with(i, 0), alone: alone.with(i, -1) })
      refused++
    }
    expect(refused).toBeGreaterThan(20)
  })

  it('is refused with a mover taken out of a set, unless what is left is persistent, too', () => {
    let refused = 0
    let tried = 0
    for (let i = 0; i < parents.length; i++) {
      const set = movers[i]!
      if ((set & (set - 1)) === 0 || tried === 40) continue
      tried++
      try {
        verify(build(), { ...good, movers: movers.with(i, set & (set - 1)) })
      } catch (error) {
        expect(error).toBeInstanceOf(Refused)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(tried / 2)
  })
})

describe('without persistent sets', () => {
  it('a certificate of an unreduced search explores everything everywhere', () => {
    const build = programs[0]![1]
    const good = certify(build)
    let record: SearchRecord | undefined
    check(build(), {
      persistentSets: false,
      onSafe: (make) => {
        record = make()
      },
    })
    const full = decodeCertificate(
      writeCertificate({ scenario: 'thread', options: DEFAULT_OPTIONS }, build(), record!),
    )
    const verified = verify(build(), full)
    expect(verified.complete).toBe(verified.states)
    expect(verified.states).toBeGreaterThan(good.parents.length)
  })
})
