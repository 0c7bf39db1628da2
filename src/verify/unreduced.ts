/** A complete search without any reduction, for instances that are small enough: the plainest check there is. */
import type { Program } from '../core/program.ts'
import { DRAIN, keyOf, type State, VerifiedMachine } from './machine.ts'
import { Refused } from './refused.ts'
import { DONE } from './threads.ts'

/**
 * The number of states of the whole program; undefined when there are more than `most`.
 *
 * @throws Refused when some transition violates a property, or somebody waits for ever
 */
export function checkUnreduced(program: Program, most: number): number | undefined {
  const machine = new VerifiedMachine(program)
  const seen = new Set([keyOf(machine.initial)])
  const waiting: State[] = [machine.initial]
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const from = state
    const next = program.processes.flatMap(({ buffered }, p) => [
      ...machine.enabled(from, p).map(([alternative, choice]) => machine.step(from, p, alternative, choice)),
      ...(buffered && machine.buffer(from, p) !== 0 ? [machine.step(from, p, DRAIN, 0)] : []),
    ])
    if (next.length === 0) assertDone(machine, from)
    for (const reached of next) {
      const key = keyOf(reached)
      if (seen.has(key)) continue
      seen.add(key)
      waiting.push(reached)
    }
    if (seen.size > most) return undefined
  }
  return seen.size
}

/** In a state in which nobody can move. */
export function assertDone(machine: VerifiedMachine, state: State): void {
  for (const [p, { name, daemon }] of machine.program.processes.entries())
    if (!daemon && machine.local(state, p) !== DONE)
      throw new Refused(`nobody can move, and ${name} is not done`)
}
