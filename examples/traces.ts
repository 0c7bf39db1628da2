/**
 * How many executions are there that differ in what anybody reads? Small programs over shared variables:
 *
 *     shootdown traces examples/traces.ts
 *     shootdown traces examples/traces.ts --memory-model tso --json
 *     shootdown check examples/traces.ts --engine dpor
 */
import {
  assume,
  fetchAdd,
  load,
  type MemoryModel,
  mfence,
  type Program,
  SharedMemory,
  scenario,
  store,
  waitUntil,
} from 'shootdown'

/** `x = 1; read y` beside `y = 1; read x`: 3 traces under SC, 4 under TSO, where both may read 0. */
function storeBuffering(model: MemoryModel, fences: 'fences' | 'no fences'): Program {
  const memory = new SharedMemory(model)
  const [x, y] = [memory.variable('x'), memory.variable('y')]
  for (const [mine, other] of [
    [x, y],
    [y, x],
  ] as const) {
    memory.thread(function* () {
      yield* store(mine, 1)
      if (fences === 'fences') yield* mfence()
      yield* load(other)
    })
  }
  return memory.program()
}

/** One thread looks for the last zero of an array whose elements the others compute from each other: (n + 3) * 2^(n - 2) traces. */
function lastZero(model: MemoryModel, n: number): Program {
  const memory = new SharedMemory(model)
  const a = memory.array('a', n + 1)
  memory.thread(function* lookForZero() {
    for (let i = n; ; i--) {
      const element = a[i]
      if (element === undefined || (yield* load(element)) === 0) return
    }
  })
  for (const [j, element] of a.slice(0, n).entries()) {
    const next = a[j + 1]
    if (next === undefined) continue
    memory.thread(function* () {
      yield* store(next, (yield* load(element)) + 1)
    })
  }
  return memory.program()
}

/** A ticket lock whose waiters give up: of the executions in which somebody does not wait his turn nothing is asked. */
function ticketLock(model: MemoryModel, n: number): Program {
  const memory = new SharedMemory(model)
  const [next, owner, x] = [memory.variable('next'), memory.variable('owner'), memory.variable('x')]
  for (let i = 0; i < n; i++) {
    memory.thread(function* () {
      const ticket = yield* fetchAdd(next, 1)
      yield* assume((yield* load(owner)) === ticket)
      yield* store(x, (yield* load(x)) + 1)
      yield* store(owner, ticket + 1)
    })
  }
  return memory.program()
}

/** An acknowledgement that is waited for by a blocking wait: one trace. */
function handshake(model: MemoryModel): Program {
  const memory = new SharedMemory(model)
  const [request, answer] = [memory.variable('request'), memory.variable('answer')]
  memory.thread(function* () {
    yield* store(request, 1)
    yield* waitUntil([answer], 'await answer', ([seen]) => seen === 1)
  })
  memory.thread(function* () {
    yield* waitUntil([request], 'await request', ([seen]) => seen === 1)
    yield* store(answer, 1)
  })
  return memory.program()
}

const counted = (name: string, title: string, build: (model: MemoryModel) => Program) =>
  scenario({ name, title, uses: ['memoryModel'], build: ({ memoryModel }) => build(memoryModel) })

export default [
  counted('sb', 'store buffering', (model) => storeBuffering(model, 'no fences')),
  counted('sb-fences', 'the same with MFENCE between', (model) => storeBuffering(model, 'fences')),
  counted('last-zero', 'last zero of five elements', (model) => lastZero(model, 5)),
  counted('ticket-lock', 'three threads that take tickets', (model) => ticketLock(model, 3)),
  counted('handshake', 'a request and its acknowledgement', handshake),
]
