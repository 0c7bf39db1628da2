/**
 * Where one CPU is known to be the only caller, call data, requests and host IPIs for several CPUs are one step each. The
 * same program with a loop over the CPUs ends in the same states, and loses the same properties.
 */
import { describe, expect, it } from 'vitest'
import { frame, type Program } from '../../src/core/program.ts'
import { collect } from '../../src/explore/collect.ts'
import { buildGuest } from '../../src/scenarios/guest.ts'
import { DEFAULT_OPTIONS, type ScenarioOptions } from '../../src/scenarios/scenario.ts'
import { addWalkers, unmapper } from '../../src/scenarios/thread-table.ts'

function build(options: ScenarioOptions, onlyCaller?: 0): Program {
  const guest = buildGuest({ ...options, preempted: [], ...(onlyCaller === 0 && { onlyCaller }) })
  const { machine, kernel, mm } = guest
  const [cpu] = machine.cpus
  machine.run(cpu!, frame(unmapper, kernel, cpu!, mm))
  addWalkers(guest, options.walker)
  return machine.program()
}

/** All that can come of a program: terminal states, violations. */
function outcomes(program: Program) {
  const { terminals, violations, search } = collect(program, { lateDelivery: false })
  expect(search.outcome).toBe('complete')
  return { terminals: [...terminals].sort(), violations: [...violations].sort(), states: search.states }
}

describe('several CPUs addressed in one step', () => {
  const cases: readonly (readonly [flush: string, free: string, walker: string])[] = [
    ['native', 'immediate', 'gup-fast'],
    ['native', 'ipi-sync', 'gup-fast'],
    ['native', 'immediate', 'nmi'],
    ['hyperv', 'immediate', 'rcu'],
    ['hyperv', 'immediate', 'nmi'],
    ['xen', 'immediate', 'rcu'],
    ['xen', 'immediate', 'nmi'],
  ]
  it.each(cases)('give what a loop over them gives: %s, %s, %s', (flush, free, walker) => {
    const options: ScenarioOptions = {
      ...DEFAULT_OPTIONS,
      cpus: 3,
      memoryModel: walker === 'gup-fast' ? 'tso' : 'sc',
      flush,
      free,
      walker,
    }
    const { states: looping, ...loop } = outcomes(build(options))
    const { states, ...once } = outcomes(build(options, 0))
    expect(once).toEqual(loop)
    expect(states).toBeLessThan(looping)
  })
})

describe('a scenario that is wrong about its only caller', () => {
  it('is found out by the first other call', () => {
    const options = { ...DEFAULT_OPTIONS, cpus: 3 }
    const guest = buildGuest({ ...options, onlyCaller: 1 })
    const { machine, kernel, mm } = guest
    machine.run(machine.cpus[0]!, frame(unmapper, kernel, machine.cpus[0]!, mm))
    expect(() => collect(machine.program())).toThrow('CPU0 calls others by IPI, and only CPU1 was to')
  })
})
