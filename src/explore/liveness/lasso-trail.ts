/**
 * A lasso, replayed on live generators: that it comes back to the state in which its cycle begins, and that the cycle is fair, is
 * seen here once more, without anything that found it.
 */
import { InternalError } from '../../core/errors.ts'
import type { Program } from '../../core/program.ts'
import { switchesOf } from '../causal.ts'
import { type LiveProcess, type LiveState, type ReplayOptions, replay } from '../replay.ts'
import type { Action, Starving, Trail, TrailStep } from '../verdict.ts'

export function lassoTrail(
  program: Program,
  stem: readonly Action[],
  cycle: readonly Action[],
  options: ReplayOptions,
): Trail {
  const states: LiveState[] = []
  const { steps, violation, impossible } = replay(program, [...stem, ...cycle], {
    ...options,
    detailed: true,
    onState: (state) => states.push(state),
  })
  const wrong = (what: string) =>
    new InternalError(`a livelock of ${stem.length}+${cycle.length} steps ${what}`)
  if (impossible || violation !== undefined || steps.length !== stem.length + cycle.length)
    throw wrong('does not replay')
  if (states[stem.length]!.identity !== states.at(-1)!.identity) throw wrong('does not come back')
  const round = new Round(program, states.slice(stem.length, -1), steps.slice(stem.length))
  const unfair = round.unfair()
  if (unfair !== undefined) throw wrong(`is not fair to ${unfair}`)
  const starving = round.starving()
  if (starving.length === 0) throw wrong('leaves nobody behind')
  return {
    steps,
    violation: { property: 'progress', message: messageOf(starving, round.others()), cells: [] },
    length: 'lasso',
    lasso: { stem: stem.length, starving },
    switches: switchesOf(steps),
  }
}

/** The cycle: `states[i]` is the state before `steps[i]`. */
class Round {
  private readonly program: Program
  private readonly states: readonly LiveState[]
  private readonly steps: readonly TrailStep[]

  constructor(program: Program, states: readonly LiveState[], steps: readonly TrailStep[]) {
    this.program = program
    this.states = states
    this.steps = steps
  }

  /** Whom the cycle treats unfairly; `fairness.ts` says what is fair. */
  unfair(): string | undefined {
    for (const [p, { name, sources }] of this.program.processes.entries()) {
      const during = this.states.map(({ processes }) => processes[p]!)
      const does = (alternative: number) =>
        this.steps.some((step) => step.process === p && step.alternative === alternative)
      if (during.some(({ buffered }) => buffered > 0) && !does(-2)) return `the stores of ${name}`
      for (const s of sources.keys()) {
        if (during.some(({ deliverable }) => deliverable.includes(s)) && !does(s)) return sources[s]!.label
      }
      for (const level of new Set(during.map(({ level }) => level))) {
        if (!this.isFairToCode(p, during, level)) return name
      }
    }
    return undefined
  }

  private isFairToCode(p: number, during: readonly LiveProcess[], level: number): boolean {
    const there = during.filter((process) => process.level === level && process.operation !== undefined)
    const moves = this.steps.some(
      (step, i) => step.process === p && step.alternative === -1 && during[i]!.level === level,
    )
    if (moves || there.length === 0) return true
    if (there.some(({ enabled, operation }) => enabled && operation?.kind === 'lock')) return false
    return there.some(({ enabled }) => !enabled)
  }

  /** Processes that are done in no state of the cycle and have to be. */
  starving(): Starving[] {
    return this.program.processes.flatMap(({ name, daemon }, p): Starving[] => {
      const during = this.states.map(({ processes }) => processes[p]!)
      if (daemon || during.some(({ operation }) => operation === undefined)) return []
      const moves = this.steps.some((step) => step.process === p && step.alternative !== -2)
      const operation = during[0]!.operation!
      const { loads = [], reads = [] } = operation.footprint()
      const cells = [...new Set([...loads, ...reads])].map((cell) => this.program.cells.name(cell))
      const writers = this.steps.filter(({ writes }) => writes.some((cell) => cells.includes(cell)))
      return [
        {
          process: name,
          index: p,
          how: moves ? 'goes-round' : during.some(({ enabled }) => enabled) ? 'missed' : 'blocked',
          at: operation.label,
          fn: during[0]!.fn,
          cells,
          writers: [...new Set(writers.map(({ processName }) => processName))],
        },
      ]
    })
  }

  /** Everybody who moves. */
  others(): readonly string[] {
    return [...new Set(this.steps.map(({ processName }) => processName))]
  }
}

function messageOf(starving: readonly Starving[], moving: readonly string[]): string {
  const all = (names: readonly string[]) => names.join(' and ')
  const goes = (names: readonly string[]) => `${all(names)} ${names.length === 1 ? 'goes' : 'go'} round`
  const waiting = starving.filter(({ how }) => how !== 'goes-round')
  if (waiting.length === 0) return `${goes(starving.map(({ process }) => process))} for ever`
  const waits = waiting.map(({ process, at }) => `${process} waits at "${at}"`)
  return `${all(waits)} for ever, while ${goes(moving)}`
}
