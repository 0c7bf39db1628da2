/**
 * Checks a certificate. It shares nothing with the engines: states are made again by a plain interpreter, automata are derived
 * again from the generators, and of the search only its choices are taken, each of which is checked.
 */
import type { Program } from '../core/program.ts'
import { type Certificate, hashOfProgram, type SearchRecord } from './certificate.ts'
import { type Chosen, Closedness } from './closed.ts'
import { DRAIN, keyOf, NEXT, type State, VerifiedMachine } from './machine.ts'
import { Refused } from './refused.ts'
import { assertDone } from './unreduced.ts'

export interface Verified {
  readonly states: number
  readonly transitions: number
  readonly nodes: number
  /** States in which everything enabled was explored. */
  readonly complete: number
  /** The reduced graph has cycles, so that the proviso was checked. */
  readonly cycles: boolean
}

/** @throws Refused with the first thing that is wrong */
export function verify(program: Program, certificate: Certificate): Verified {
  if (hashOfProgram(program) !== certificate.program)
    throw new Refused('the scenario has changed since this certificate was written')
  const check = new Check(program, certificate)
  const verified = check.explore()
  check.compareAutomata(certificate.automata)
  check.closed()
  return verified
}

/** The automata of a search, as its certificate has them. @throws Refused when the search is not what it should be */
export function automataOf(program: Program, record: SearchRecord, onState?: () => void): string[] {
  const check = new Check(program, record)
  check.explore(onState)
  return check.automata()
}

class Check {
  private readonly machine: VerifiedMachine
  private readonly record: SearchRecord
  private readonly states: State[] = []
  private readonly index = new Map<string, number>()
  private readonly successors: number[][] = []
  /** States whose chosen set leaves out something that is enabled. */
  private readonly partial: boolean[] = []

  constructor(program: Program, record: SearchRecord) {
    this.machine = new VerifiedMachine(program)
    this.record = record
  }

  explore(onState: () => void = () => {}): Verified {
    this.makeStates(onState)
    let transitions = 0
    for (const state of this.states.keys()) {
      onState()
      transitions += this.expand(state)
    }
    const cycles = !this.isAcyclic()
    if (cycles) this.proviso()
    const nodes = this.machine.threads.nodes.length
    const complete = this.partial.filter((is) => !is).length
    return { states: this.states.length, transitions, nodes, complete, cycles }
  }

  automata(): string[] {
    this.machine.threads.close()
    return this.machine.threads.describe()
  }

  compareAutomata(claimed: readonly string[]): void {
    const derived = this.automata()
    const wrong = derived.findIndex((line, node) => line !== claimed[node])
    if (wrong >= 0 || derived.length !== claimed.length)
      throw new Refused(
        `the automata differ from the program's at node ${wrong < 0 ? derived.length : wrong}`,
      )
  }

  closed(): void {
    const closedness = new Closedness(this.machine)
    for (const [i, state] of this.states.entries()) {
      if (!this.partial[i]) continue
      const defect = closedness.defect(state, this.chosen(i))
      if (defect !== undefined) throw new Refused(`the set chosen in state ${i} is not closed: ${defect}`)
    }
  }

  private chosen(i: number): Chosen {
    return { movers: this.record.movers[i]!, alone: this.record.alone[i]! }
  }

  /** Every state along the transition by which it was first reached. */
  private makeStates(onState: () => void): void {
    const { parents, actions, movers, alone } = this.record
    const count = parents.length
    if (count === 0 || actions.length !== 3 * count || movers.length !== count || alone.length !== count)
      throw new Refused('the lists of states do not fit together')
    for (let i = 0; i < count; i++) {
      onState()
      const state = i === 0 ? this.machine.initial : this.reached(i)
      const key = keyOf(state)
      if (this.index.has(key)) throw new Refused(`state ${i} is there twice`)
      this.index.set(key, i)
      this.states.push(state)
    }
    if (parents[0] !== 0 || [0, 1, 2].some((k) => actions[k] !== 0))
      throw new Refused('state 0 has to be the initial one')
  }

  private reached(i: number): State {
    const { parents, actions } = this.record
    const from = this.states[parents[i]!]
    const [process, alternative, choice] = actions.slice(3 * i, 3 * i + 3) as [number, number, number]
    if (from === undefined || this.machine.program.processes[process] === undefined)
      throw new Refused(`state ${i} is reached from nowhere`)
    const isEnabled =
      alternative === DRAIN
        ? choice === 0 && this.machine.buffer(from, process) !== 0
        : this.machine.enabled(from, process).some(([a, c]) => a === alternative && c === choice)
    if (!isEnabled) throw new Refused(`state ${i} is reached by a transition that is not enabled`)
    return this.machine.step(from, process, alternative, choice)
  }

  /** Every chosen successor is in, and nobody waits for ever; gives the number of transitions. */
  private expand(i: number): number {
    const { machine } = this
    const { movers, alone } = this.chosen(i)
    const { processes } = machine
    const state = this.states[i]!
    const next: number[] = []
    let enabled = 0
    if (alone < -1 || alone >= processes || movers >>> (2 * processes) !== 0)
      throw new Refused(`the set chosen in state ${i} names nobody`)
    for (let p = 0; p < processes; p++) {
      const all = machine.enabled(state, p)
      const isIn = ((movers >>> p) & 1) === 1
      enabled += all.length
      for (const [alternative, choice] of all) {
        if (isIn || (p === alone && alternative === NEXT))
          next.push(this.find(i, machine.step(state, p, alternative, choice)))
      }
      if (machine.buffer(state, p) === 0) continue
      enabled++
      if ((movers >>> (processes + p)) & 1) next.push(this.find(i, machine.step(state, p, DRAIN, 0)))
    }
    if (enabled === 0) assertDone(machine, state)
    else if (next.length === 0) throw new Refused(`nothing is explored in state ${i}`)
    this.successors.push(next)
    this.partial.push(next.length < enabled)
    return next.length
  }

  private find(from: number, state: State): number {
    const found = this.index.get(keyOf(state))
    if (found === undefined) throw new Refused(`a successor of state ${from} is missing`)
    return found
  }

  private isAcyclic(): boolean {
    const incoming = new Int32Array(this.states.length)
    for (const next of this.successors) for (const to of next) incoming[to] = incoming[to]! + 1
    const free = [...incoming.keys()].filter((i) => incoming[i] === 0)
    let removed = 0
    for (let i = free.pop(); i !== undefined; i = free.pop()) {
      removed++
      for (const to of this.successors[i]!) {
        incoming[to] = incoming[to]! - 1
        if (incoming[to] === 0) free.push(to)
      }
    }
    return removed === this.states.length
  }

  /** EXPLORER 8: some chosen successor is expanded later, or everything is explored. */
  private proviso(): void {
    for (const [i, next] of this.successors.entries())
      if (this.partial[i] && next.every((to) => to <= i))
        throw new Refused(`state ${i} may put something off for ever`)
  }
}
