/** Who moves next, where not everything is tried: uniformly at random, or by PCT's priorities. Seeded. */
import { DRAIN, type Engine, NEXT } from './engine.ts'
import { EVERYBODY, visitTransitions } from './transitions.ts'
import type { Action } from './verdict.ts'

export interface Picker {
  /** One of the enabled transitions of the engine's current state; there is one. */
  pick(engine: Engine, step: number): Action
}

/** A small generator of pseudo-random numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Every enabled transition is as likely as every other. */
export function randomPicker(random: () => number): Picker {
  return {
    pick: (engine) => {
      let seen = 0
      let picked: Action = { process: 0, alternative: 0, choice: 0 }
      visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
        seen++
        if (random() * seen < 1) picked = { process, alternative, choice }
        return false
      })
      return picked
    },
  }
}

/**
 * PCT: every mover (a process, its drain, each of its interrupt sources) has a priority of its own, the enabled one with the
 * highest runs, and at depth - 1 steps chosen beforehand the one that has just run falls below all others.
 */
export class PctPicker implements Picker {
  private readonly priorities: number[]
  private readonly changes: Set<number>
  private readonly random: () => number
  private lowest = 0

  constructor(engine: Engine, depth: number, steps: number, random: () => number) {
    this.random = random
    const movers = PctPicker.movers(engine)
    this.priorities = Array.from({ length: movers }, (_, i) => i + 1)
    for (let i = movers - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      const other = this.priorities[j]!
      this.priorities[j] = this.priorities[i]!
      this.priorities[i] = other
    }
    this.changes = new Set(Array.from({ length: depth - 1 }, () => Math.floor(random() * steps)))
  }

  /** Processes, drains and sources. */
  static movers(engine: Engine): number {
    return 2 * engine.processes + engine.automata.handlers.sources.length
  }

  pick(engine: Engine, step: number): Action {
    const first = this.best(engine)
    if (!this.changes.has(step)) return first.action
    this.priorities[first.mover] = --this.lowest
    return this.best(engine).action
  }

  private best(engine: Engine): { readonly mover: number; readonly action: Action } {
    let mover = -1
    let alike = 0
    let action: Action = { process: 0, alternative: 0, choice: 0 }
    visitTransitions(engine, EVERYBODY, (process, alternative, choice) => {
      const number = this.moverOf(engine, process, alternative)
      if (mover >= 0 && this.priorities[number]! < this.priorities[mover]!) return false
      alike = number === mover ? alike + 1 : 1
      mover = number
      // Outcomes of a choice belong to the environment: each is as likely as the others.
      if (alike === 1 || this.random() * alike < 1) action = { process, alternative, choice }
      return false
    })
    return { mover, action }
  }

  private moverOf({ processes, automata }: Engine, process: number, alternative: number): number {
    if (alternative === NEXT) return process
    if (alternative === DRAIN) return processes + process
    return 2 * processes + automata.handlers.first[process]! + alternative
  }
}
