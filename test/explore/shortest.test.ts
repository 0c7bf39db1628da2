/** Counterexamples: they replay, they are shortest, and among those they switch least. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import { replay } from '../../src/explore/replay.ts'
import { build, program } from './language.ts'
import { enumerate, shortestViolation } from './naive.ts'
import { type Flavour, threads } from './random-programs.ts'

const RUNS = Number(process.env.RUNS ?? 300)
const seed = process.env.SEED === undefined ? 20_170_626 : Number(process.env.SEED)

function sameVerdicts(flavour: Flavour): void {
  const runs = flavour.cycles === true ? RUNS / 4 : RUNS
  let unsafe = 0
  fc.assert(
    fc.property(threads(flavour), (some) => {
      const program = build(some)
      const naive = enumerate(program, { maxStates: 2000 })
      if (naive.gaveUp) return
      const verdict = check(program)
      expect(verdict.verdict).toBe(naive.violations.size === 0 ? 'safe' : 'unsafe')
      if (verdict.verdict !== 'unsafe') return
      unsafe++
      const { trail } = verdict
      expect(trail.length).toBe('proved-shortest')
      expect({ length: trail.steps.length, switches: trail.switches }).toEqual(shortestViolation(program))
      const cut = check(program, { shortest: false })
      if (cut.verdict !== 'unsafe') throw new Error('not unsafe again')
      expect(cut.trail.length).toBe('minimal')
      expect(replay(program, cut.trail.steps).violation).toEqual(cut.trail.violation)
    }),
    { numRuns: runs, seed },
  )
  expect(unsafe).toBeGreaterThan(runs / 20)
}

describe('verdicts and counterexamples agree with the naive enumerator', () => {
  it('without interrupts', () => sameVerdicts({ processes: 3, length: 3, handlers: false, calls: true }))
  it('with interrupts', () => sameVerdicts({ processes: 2, length: 3, handlers: true }))
  it('with handlers that come any number of times', () =>
    sameVerdicts({ processes: 2, length: 2, handlers: true, cycles: true }))
})

describe('a reduced search is not shortest (EXPLORER 15)', () => {
  // Whoever explores the first column first meets the violation behind all of its steps.
  const text = 'NNNN{NN};Xx1;Xx1;!y1 || Xy1 || Xz1;Rx;=0(Ry;?1)'

  it('but the counterexample is', () => {
    const verdict = check(program(text, 'sc'))
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.trail.steps.map(({ processName, label }) => `${processName} ${label}`)).toEqual([
      'P1 y += 1',
      'P2 z += 1',
      'P2 r = x',
      'P2 r = y',
      'P2 assert r != 1',
    ])
    expect(verdict.trail.switches).toBe(1)
  })

  it('and when the search for it hits a limit, no step can be dropped', () => {
    const long = `${'Xa1;'.repeat(3)}Ly;Lx || ${'Xb1;'.repeat(3)}Lx;Ly || ${'Xc1;'.repeat(60)} || ${'Xd1;'.repeat(60)}`
    const verdict = check(program(`${long} || Ax2;Xe1;!e1`, 'sc'), { maxStates: 900 })
    if (verdict.verdict !== 'unsafe') throw new Error(verdict.verdict)
    expect(verdict.trail.length).toBe('minimal')
    for (const [i] of verdict.trail.steps.entries()) {
      const without = verdict.trail.steps.toSpliced(i, 1)
      const run = replay(program(`${long} || Ax2;Xe1;!e1`, 'sc'), without)
      expect(run.impossible || run.violation === undefined).toBe(true)
    }
  })
})
