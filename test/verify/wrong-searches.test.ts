import { describe, expect, it } from 'vitest'
import type { Program } from '../../src/core/program.ts'
import { DEFAULT_OPTIONS } from '../../src/scenarios/scenario.ts'
import { threadTable } from '../../src/scenarios/thread-table.ts'
import { decodeCertificate } from '../../src/verify/certificate.ts'
import { DRAIN, keyOf, type State, VerifiedMachine } from '../../src/verify/machine.ts'
import { Refused } from '../../src/verify/refused.ts'
import { checkUnreduced } from '../../src/verify/unreduced.ts'
import { verify } from '../../src/verify/verify.ts'
import { writeCertificate } from '../../src/verify/write.ts'

/**
 * A search that puts everybody off but one mover: closed under its own successors, and without a violation even where there is one,
 * since nobody is ever interrupted.
 */
function greedySearch(program: Program, order: readonly number[]) {
  const machine = new VerifiedMachine(program)
  const states: State[] = [machine.initial]
  const known = new Set([keyOf(machine.initial)])
  const record = { parents: [0], actions: [0, 0, 0], movers: [] as number[], alone: [] as number[] }
  for (let i = 0; i < states.length; i++) {
    const state = states[i]!
    const reach = (process: number, alternative: number, choice: number) => {
      const next = machine.step(state, process, alternative, choice)
      const key = keyOf(next)
      if (known.has(key)) return
      known.add(key)
      states.push(next)
      record.parents.push(i)
      record.actions.push(process, alternative, choice)
    }
    const drains = order.filter((p) => machine.buffer(state, p) !== 0)
    const first = order.find((p) => machine.enabled(state, p).length > 0)
    if (drains[0] !== undefined) reach(drains[0], DRAIN, 0)
    else if (first !== undefined)
      for (const [alternative, choice] of machine.enabled(state, first)) reach(first, alternative, choice)
    const mover = drains[0] !== undefined ? machine.processes + drains[0] : first
    record.movers.push(mover === undefined ? 0 : 1 << mover)
    record.alone.push(-1)
  }
  return record
}

describe('a search that leaves out what matters', () => {
  it.each([
    ['hyperv', 'immediate', 'sc', [0, 1]],
    ['hyperv', 'immediate', 'tso', [0, 1]],
    ['hyperv', 'immediate', 'sc', [1, 0]],
    ['xen', 'immediate', 'tso', [1, 0]],
    ['native', 'immediate', 'tso', [1, 0]],
    ['native', 'ipi-sync', 'sc', [1, 0]],
  ] as const)(
    '%s, %s, %s in the order %j meets no violation, and is refused',
    (flush, free, memoryModel, order) => {
      const options = { ...DEFAULT_OPTIONS, flush, free, memoryModel }
      const build = () => threadTable.build(options)
      const processes = build().processes.length
      const everybody = [...order, ...Array.from({ length: processes - 2 }, (_, i) => i + 2)]
      const record = greedySearch(build(), everybody)
      const certificate = decodeCertificate(
        writeCertificate({ scenario: 'thread', options }, build(), record),
      )
      expect(() => verify(build(), certificate)).toThrow(/is not closed/)
    },
  )

  it('is found unsafe without any reduction', () => {
    const build = () =>
      threadTable.build({ ...DEFAULT_OPTIONS, flush: 'hyperv', free: 'immediate', memoryModel: 'sc' })
    expect(() => checkUnreduced(build(), 1_000_000)).toThrow(Refused)
    expect(() => checkUnreduced(build(), 1_000_000)).toThrow(/violates page-table lifetime/)
  })

  it('a safe instance is safe without any reduction', () => {
    const build = () => threadTable.build({ ...DEFAULT_OPTIONS, memoryModel: 'sc' })
    expect(checkUnreduced(build(), 100_000)).toBeGreaterThan(393)
    expect(checkUnreduced(build(), 100)).toBeUndefined()
  })
})
