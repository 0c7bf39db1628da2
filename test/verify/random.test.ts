/** Certificates of random programs: what is safe is confirmed, with loops and interrupts that come any number of times. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { check } from '../../src/explore/check.ts'
import type { SearchRecord } from '../../src/explore/verdict.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { decodeCertificate } from '../../src/verify/certificate.ts'
import { checkUnreduced } from '../../src/verify/unreduced.ts'
import { verify } from '../../src/verify/verify.ts'
import { writeCertificate } from '../../src/verify/write.ts'
import { build } from '../explore/language.ts'
import { type Flavour, threads } from '../explore/random-programs.ts'

const RUNS = Number(process.env.RUNS ?? 100)
const seed = process.env.SEED === undefined ? 20_170_626 : Number(process.env.SEED)

function areConfirmed(flavour: Flavour): void {
  let confirmed = 0
  fc.assert(
    fc.property(threads(flavour), (some) => {
      const records: SearchRecord[] = []
      const onSafe = (make: () => SearchRecord) => records.push(make())
      // What a certificate is of is built anew.
      const verdict = check(build(some), { onSafe, liveness: false, maxStates: 3000 })
      const [record] = records
      if (verdict.verdict !== 'safe' || record === undefined) return
      const file = writeCertificate({ scenario: 'random', options: DEFAULT_OPTIONS }, build(some), record)
      expect(verify(build(some), decodeCertificate(file)).states).toBe(verdict.counts.states)
      checkUnreduced(build(some), 3000)
      confirmed++
    }),
    { numRuns: RUNS, seed },
  )
  expect(confirmed).toBeGreaterThan(RUNS / 10)
}

it('of loops that may never end', () =>
  areConfirmed({ processes: 2, length: 3, handlers: false, loops: true }))
it('of three processes', () => areConfirmed({ processes: 3, length: 3, handlers: false, calls: true }))
it('of loops under interrupts', () =>
  areConfirmed({ processes: 2, length: 2, handlers: true, cycles: true, loops: true }))
