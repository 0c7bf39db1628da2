/** Searches once more, with automata that stand still, and writes down what was explored: what certificates are made of. */
import { InternalError, UsageError } from '../core/errors.ts'
import { unpackAction } from './actions.ts'
import type { Automata } from './automata.ts'
import { Clock } from './clock.ts'
import { Engine } from './engine.ts'
import { search } from './search.ts'
import type { CheckOptions, SearchRecord } from './verdict.ts'

/** More movers do not fit into a number. */
const MOST_PROCESSES = 15

export function recordSearch(
  automata: Automata,
  widths: readonly number[],
  options: CheckOptions,
): SearchRecord {
  const processes = automata.program.processes.length
  if (processes > MOST_PROCESSES)
    throw new UsageError(`certificates are for at most ${MOST_PROCESSES} processes`)
  const everybody = 2 ** (2 * processes) - 1
  const movers: number[] = []
  const alone: number[] = []
  const { growth } = automata.recorder.futures
  const { outcome, store } = search(new Engine(automata, widths), {
    reduce: options.persistentSets ?? true,
    proviso: automata.cycles.needProviso,
    lateDelivery: options.lateDelivery ?? true,
    maxStates: Number.POSITIVE_INFINITY,
    clock: new Clock({ ...(options.interrupted && { interrupted: options.interrupted }) }),
    onExpanded: (explored) => {
      movers.push(explored.movers & everybody)
      alone.push(explored.alone)
    },
  })
  if (outcome === 'limit') throw new UsageError('stopped before the certificate was written')
  if (outcome !== 'complete' || store === undefined || automata.recorder.futures.growth !== growth)
    throw new InternalError('a search that was complete has gone otherwise when it was repeated')
  const parents: number[] = []
  const actions: number[] = []
  for (let i = 0; i < store.size; i++) {
    const { process, alternative, choice } = unpackAction(store.action(i))
    parents.push(store.parent(i))
    if (i === 0) actions.push(0, 0, 0)
    else actions.push(process, alternative, choice)
  }
  return { parents, actions, movers, alone }
}
