/** Runs a test: states, witnesses, and whether the condition comes out. */
import type { LitmusTest, Location, MemoryModel, Observation, Proposition, Quantifier } from './ast.ts'
import { type Execution, type Executions, explore, type LitmusLimits } from './explore.ts'
import { type Places, sameValue, showValue } from './places.ts'
import { readRegister } from './registers.ts'
import { propositionLocations, sortedLocations } from './shown.ts'

/** What a test's quantifier asks for, in herd's word. */
export const KINDS: Readonly<Record<Quantifier, 'Allowed' | 'Forbidden' | 'Required'>> = {
  exists: 'Allowed',
  '~exists': 'Forbidden',
  forall: 'Required',
}

/** A final state, restricted to the locations of the condition and of `locations`. */
export interface FinalState {
  readonly values: readonly { readonly location: string; readonly value: string }[]
  /** Executions that end so. */
  readonly executions: number
}

export interface LitmusResult {
  readonly test: LitmusTest
  readonly model: MemoryModel
  readonly quantifier: Quantifier
  readonly states: readonly FinalState[]
  /** The condition holds (`Ok`). */
  readonly ok: boolean
  /** Executions in which the proposition holds, and others. */
  readonly positive: number
  readonly negative: number
  readonly observation: Observation
  /** A loop was cut: there may be more. */
  readonly tooFar: boolean
  /** States of the search. */
  readonly searched: number
}

/** Names under which `with` may give a model a quantifier of its own. */
const MODEL_NAMES: Readonly<Record<MemoryModel, readonly string[]>> = {
  tso: ['tso', 'x86tso', 'x86-tso'],
  sc: ['sc'],
}

export function runLitmus(test: LitmusTest, model: MemoryModel, limits: LitmusLimits = {}): LitmusResult {
  const explored = explore(test, model, limits)
  const { machine, tooFar } = explored
  const view = new View(machine.places)
  const { filter, condition } = test
  const counted =
    filter === undefined ? explored.executions : explored.executions.filter((one) => view.holds(filter, one))
  const positive = counted.filter((one) => view.holds(condition.proposition, one)).length
  const negative = counted.length - positive
  const named = MODEL_NAMES[model].find((name) => condition.perModel.has(name))
  const quantifier = (named === undefined ? undefined : condition.perModel.get(named)) ?? condition.quantifier
  return {
    test,
    model,
    quantifier,
    states: finalStates(test, view, counted),
    ok: quantifier === 'exists' ? positive > 0 : quantifier === 'forall' ? negative === 0 : positive === 0,
    positive,
    negative,
    observation: positive === 0 ? 'Never' : negative === 0 ? 'Always' : 'Sometimes',
    tooFar,
    searched: explored.states,
  }
}

function finalStates(test: LitmusTest, view: View, executions: Executions['executions']): FinalState[] {
  const locations = sortedLocations([...test.shown, ...propositionLocations(test.condition.proposition)])
  const found = new Map<string, { values: bigint[]; executions: number }>()
  for (const execution of executions) {
    const values = locations.map((location) => view.value(location, execution))
    const key = values.join()
    const state = found.get(key)
    if (state === undefined) found.set(key, { values, executions: 1 })
    else state.executions++
  }
  return [...found.values()]
    .map(({ values, executions }) => ({
      values: locations.map((location, i) => ({
        location: showLocation(location),
        value: view.show(location, values[i] as bigint),
      })),
      executions,
    }))
    .sort(byValues)
}

function byValues(a: FinalState, b: FinalState): number {
  for (const [i, { value }] of a.values.entries()) {
    const other = b.values[i]?.value ?? ''
    if (value === other) continue
    const difference = Number(value) - Number(other)
    return difference !== 0 && !Number.isNaN(difference) ? difference : value < other ? -1 : 1
  }
  return 0
}

/** `0:rax`, `[x]`. */
export function showLocation(location: Location): string {
  if (location.is === 'register') return `${location.thread}:${location.register.name}`
  const { symbol, index } = location.place
  return index === 0 ? `[${symbol}]` : `${symbol}[${index}]`
}

/** Looks at executions through locations. */
class View {
  private readonly places: Places

  constructor(places: Places) {
    this.places = places
  }

  value(location: Location, { threads, memory }: Execution): bigint {
    if (location.is === 'memory') return memory[this.places.number(location.place)] as bigint
    const registers = threads[location.thread]?.registers
    return registers === undefined ? 0n : readRegister(registers, location.register)
  }

  show(location: Location, value: bigint): string {
    return showValue(this.places, value, this.typeOf(location))
  }

  holds(proposition: Proposition, execution: Execution): boolean {
    switch (proposition.is) {
      case 'constant':
        return proposition.value
      case 'equal': {
        const { location, constant } = proposition
        return sameValue(
          this.value(location, execution),
          this.places.valueOf(constant),
          this.typeOf(location),
        )
      }
      case 'same': {
        const { location, other } = proposition
        return sameValue(this.value(location, execution), this.value(other, execution), this.typeOf(location))
      }
      case 'not':
        return !this.holds(proposition.of, execution)
      case 'and':
        return proposition.parts.every((part) => this.holds(part, execution))
      case 'or':
        return proposition.parts.some((part) => this.holds(part, execution))
      case 'implies':
        return !this.holds(proposition.left, execution) || this.holds(proposition.right, execution)
    }
  }

  private typeOf(location: Location) {
    return location.is === 'memory' ? this.places.places[this.places.number(location.place)]?.type : undefined
  }
}
