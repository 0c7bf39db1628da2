/**
 * Does everybody get there? A worker goes round until it is told to stop; somebody else waits for it to have begun, and tells it.
 *
 *     shootdown check examples/progress.ts#stop        safe: no deadlock, no livelock under fair scheduling
 *     shootdown check examples/progress.ts#stop-lost   a lasso: who goes round for ever, and why fairness does not help
 *
 * The second one clears the flag when it begins, and may clear what has been said already.
 */
import {
  load,
  type MemoryModel,
  type Program,
  repeat,
  SharedMemory,
  scenario,
  spinUntil,
  store,
  type Task,
  type Variable,
} from 'shootdown'

/** One round of the worker: gives back something when it is over, and nothing to go round again. */
function* round(stop: Variable<number>, work: Variable<number>): Task<true | undefined> {
  if ((yield* load(stop)) === 1) return true
  yield* load(work)
  return undefined
}

function worker(model: MemoryModel, begin: 'clears' | 'leaves'): Program {
  const memory = new SharedMemory(model)
  const [begun, stop, work] = [memory.variable('begun'), memory.variable('stop'), memory.variable('work')]
  memory.thread(function* goRound() {
    yield* store(begun, 1)
    if (begin === 'clears') yield* store(stop, 0)
    yield* repeat(round, stop, work)
  }, 'worker')
  memory.thread(function* stopper() {
    yield* spinUntil(begun, 1)
    yield* store(stop, 1)
  }, 'stopper')
  return memory.program()
}

export default [
  scenario({
    name: 'stop',
    title: 'a worker is told to stop once it has begun',
    uses: ['memoryModel'],
    liveness: true,
    build: ({ memoryModel }) => worker(memoryModel, 'leaves'),
  }),
  scenario({
    name: 'stop-lost',
    title: 'the same where the worker clears the flag after it has said that it has begun',
    uses: ['memoryModel'],
    liveness: true,
    build: ({ memoryModel }) => worker(memoryModel, 'clears'),
  }),
]
